-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "accept-burst",
  doc = "sixty-four connections arrive in the same moment",
  why = [[One event of the listener stands for all of them. Who accepts one for each edge leaves sixty-three waiting; who
has a short backlog loses handshakes.]],
  run = function(t)
    local peers = phases.open(t, 64)
    phases.all(t, peers, function(peer)
      t:until_connected(peer)
      t:until_accepted(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
