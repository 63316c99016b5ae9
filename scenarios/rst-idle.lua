-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "rst-idle",
  doc = "the peer resets on an idle connection",
  why = [[ERR and HUP are reported whether they were asked for or not, and for a level-triggered set they are reported
until the fd is closed. A loop that handles only IN for connections it expects a request from spins.]],
  run = function(t)
    phases.all(t, phases.idle(t), function(peer)
      peer:reset()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
