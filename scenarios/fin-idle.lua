-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fin-idle",
  doc = "the peer closes on an idle connection",
  why = [[A client that disconnects raises IN and RDHUP, never HUP: the end is only seen by reading 0. A loop that waits
for HUP keeps the fd for ever; one that reads 0 and does not close spins on IN.]],
  run = function(t)
    phases.all(t, phases.idle(t), function(peer)
      peer:fin()
      t:expect_mask(peer, "RDHUP")
      t:expect_closed(peer)
    end)
  end,
}
