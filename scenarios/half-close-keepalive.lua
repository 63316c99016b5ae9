-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "half-close-keepalive",
  doc = "the peer shuts down writing on a kept connection, after one whole answer",
  why = [[After a whole answer nothing is owed any more: a half-closed connection is a finished one.]],
  needs = { "keepalive" },
  run = function(t)
    phases.all(t, phases.keepalive(t), function(peer)
      peer:half_close()
      t:expect_mask(peer, "RDHUP")
      t:expect_closed(peer)
    end)
  end,
}
