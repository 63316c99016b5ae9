-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "accept-burst",
  doc = "sixty-four connections arrive in the same moment, half of them while the target is stopped",
  why = [[One event of the listener stands for all of them. Who accepts one for each edge leaves thirty-one waiting; who
has a short backlog loses handshakes.]],
  run = function(t)
    t:until_asleep { patience = 0.5 }
    t:signal("STOP") -- a quick target would accept each before the next one comes: then every one is an edge of its own
    local peers = phases.open(t, 32)
    t:until_connected(peers[#peers], { patience = 0.3 })
    t:signal("CONT")
    table.move(phases.open(t, 32), 1, 32, #peers + 1, peers) -- and these come while it accepts
    phases.all(t, peers, function(peer)
      t:until_connected(peer)
      t:until_accepted(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
