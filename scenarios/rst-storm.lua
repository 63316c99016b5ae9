-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "rst-storm",
  doc = "two hundred connections, reset in waves",
  why = [[Many ends in one batch of events, some of them before their connection was even accepted. Each costs one fd
until it is handled, and an event for a number that was closed earlier in the batch may already belong to
somebody else.]],
  run = function(t)
    for wave = 1, 4 do
      local peers = phases.open(t, 50)
      for i, peer in ipairs(peers) do
        t:until_connected(peer)
        if i % 2 == wave % 2 then t:until_accepted(peer) end
        if i % 5 == 0 and phases.asks_at_once(t) then peer:request() end
      end
      for _, peer in ipairs(peers) do peer:try("reset") end
      -- One that was reset before it was accepted may be nobody's that we know: not worth more than a moment.
      phases.all(t, peers, function(peer) t:until_closed(peer, { patience = 0.5 }) end)
      for _, peer in ipairs(peers) do peer:drop() end
    end
  end,
}
