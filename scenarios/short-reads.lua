-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "short-reads",
  doc = "every read gives at most one byte for a while",
  why = [[The kernel may give less than was asked for, at any time. A protocol must not depend on how the bytes were cut;
an edge-triggered loop must not take a short read for the end of what there is.]],
  needs = { "protocol", "inject" },
  run = function(t)
    local fault = t:fault("@read:short=1:1..400")
    phases.all(t, phases.connect(t), function(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
    t:expect_delivered(fault)
  end,
}
