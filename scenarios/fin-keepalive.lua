-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fin-keepalive",
  doc = "the peer closes on a kept connection, after one whole answer",
  why = [[The usual end of a kept connection. Each one that is missed costs an fd for ever.]],
  needs = { "keepalive" },
  run = function(t)
    phases.all(t, phases.keepalive(t), function(peer)
      peer:fin()
      t:expect_mask(peer, "RDHUP")
      t:expect_closed(peer)
    end)
  end,
}
