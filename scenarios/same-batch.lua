-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "same-batch",
  doc = "several connections end in one batch of events",
  why = [[While the first event of a batch is handled the others are already in the array. Freeing a neighbour, or closing
an fd whose own event comes later, makes the rest of the batch point to what is gone.]],
  run = function(t)
    local peers = phases.connect(t, nil, 12)
    t:until_asleep { patience = 0.5 } -- stopped in its wait: there the signal is an EINTR
    t:signal("STOP")
    for i, peer in ipairs(peers) do
      if i % 3 == 0 and t.protocol.offers.protocol then peer:request() end
      if i % 2 == 0 then peer:reset() else peer:fin() end
    end
    t:signal("CONT")
    phases.all(t, peers, function(peer) t:expect_closed(peer) end)
  end,
}
