-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "stop-cont",
  doc = "the target is stopped while connections and requests pile up, then goes on",
  why = [[What arrives while it is stopped is one batch: several connections behind one event of the listener, requests of
more bytes than one read takes, and an EINTR from the wait. One accept, or one read, for one edge leaves the
rest behind for ever.]],
  run = function(t)
    for _ = 1, 3 do
      t:until_asleep { patience = 0.5 } -- stopped in its wait: there the signal is an EINTR
      t:signal("STOP")
      local peers = phases.open(t, 8)
      for _, peer in ipairs(peers) do
        t:until_connected(peer)
        if phases.asks_at_once(t) then phases.ask_much(t, peer) end
      end
      t:wait(0.02)
      t:signal("CONT")
      phases.all(t, peers, function(peer)
        t:until_accepted(peer)
        phases.answers(t, peer)
        if t.protocol.offers.greets then phases.exchange(t, peer) end
        peer:try("fin")
        t:expect_closed(peer)
      end)
    end
  end,
}
