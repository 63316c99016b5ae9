-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "rst-before-accept",
  doc = "connections are reset while they wait to be accepted",
  why = [[On Linux accept still succeeds, and the new fd reports ERR and HUP at once: a connection that was never alive.
Calls on it that cannot fail on a healthy one (getpeername, setsockopt) fail.]],
  run = function(t)
    t:signal("STOP")
    local peers = {}
    for i = 1, 8 do peers[i] = t:connect() end
    for i = 1, 8, 2 do
      if t.protocol.offers.protocol then peers[i]:request() end
      peers[i]:reset()
    end
    t:signal("CONT")
    for i = 2, 8, 2 do
      t:until_accepted(peers[i])
      phases.exchange(t, peers[i])
      peers[i]:try("fin")
      t:expect_closed(peers[i])
    end
    t:until_asleep()
  end,
}
