-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "churn",
  doc = "connections come and go in every way, round after round; fds must not grow",
  why = [[One fd lost for one way a connection can end is nothing in a test and the end after a week. Five identical
rounds show the slope.]],
  run = function(t)
    local asks = t.protocol.offers.protocol
    local ways = {
      function(peer) peer:fin() end,
      function(peer) peer:reset() end,
      function(peer) peer:half_close() end,
      function(peer) if asks then phases.ask_much(t, peer) phases.answers(t, peer) end peer:try("fin") end,
      function(peer) if asks then peer:request() end peer:reset() end,
      function(peer) if t.protocol.offers.partial then peer:request { partial = true } end peer:fin() end,
    }
    local count = 3 * #ways
    for round = 0, 4 do
      local peers = phases.connect(t, nil, count)
      local i = 0
      phases.all(t, peers, function(peer)
        i = i + 1
        ways[i % #ways + 1](peer)
        t:until_closed(peer, { patience = 0.5 })
      end)
      for _, peer in ipairs(peers) do peer:drop() end
      t:sample(round, count)
    end
  end,
}
