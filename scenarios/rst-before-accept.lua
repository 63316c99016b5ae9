-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "rst-before-accept",
  doc = "connections are reset while they wait to be accepted",
  why = [[On Linux accept still succeeds, and the new fd reports ERR and HUP at once: a connection that was never alive.
Calls on it that cannot fail on a healthy one (getpeername, setsockopt) fail.]],
  run = function(t)
    t:signal("STOP")
    local opened, peers = phases.open(t, 8), {}
    for _, peer in ipairs(opened) do -- what a short backlog turns away is not of the story
      if t:until_connected(peer, { patience = 0.3 }) then peers[#peers + 1] = peer else peer:drop() end
    end
    if #peers < 2 then t:broken("no two connections fit into the backlog") end
    for i = 1, #peers, 2 do
      if t.protocol.offers.protocol then peers[i]:request() end
      peers[i]:reset()
    end
    t:signal("CONT")
    for i = 2, #peers, 2 do
      t:until_accepted(peers[i])
      phases.exchange(t, peers[i])
      peers[i]:try("fin")
      t:expect_closed(peers[i])
    end
    t:until_asleep()
  end,
}
