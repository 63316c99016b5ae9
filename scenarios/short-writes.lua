-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "short-writes",
  doc = "every write takes at most a few bytes for a while",
  why = [[write may take less than it was given without a full buffer behind it. The rest is to be kept and sent, in
order, once.]],
  needs = { "protocol", "inject" },
  run = function(t)
    local fault = t:fault("@write:short=7:1..200")
    phases.all(t, phases.connect(t), function(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
    t:expect_delivered(fault)
  end,
}
