-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "backlog-burst",
  doc = "connections arrive while the target is busy elsewhere: only its backlog takes them",
  why = [[Whoever is busy for a moment relies on the queue of its listener. It is stopped while a burst arrives, so that how
much the queue takes does not depend on how quickly somebody accepts.]],
  run = function(t)
    t:signal("STOP")
    local peers = phases.open(t, 24)
    t:wait(0.02)
    t:signal("CONT")
    phases.all(t, peers, function(peer)
      -- One that was lost comes a second later; who has a short backlog is not asked to be quick.
      if not t:until_connected(peer, { patience = 1.5 }) then return end
      t:until_accepted(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
