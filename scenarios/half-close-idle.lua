-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "half-close-idle",
  doc = "the peer shuts down writing on an idle connection",
  why = [[The client will say nothing more and has asked nothing: nothing is owed, the connection is to be closed.]],
  run = function(t)
    phases.all(t, phases.idle(t), function(peer)
      peer:half_close()
      t:expect_mask(peer, "RDHUP")
      t:expect_closed(peer)
    end)
  end,
}
