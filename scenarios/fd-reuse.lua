-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

-- Every third leaves behind a whole request, the others half of one.
local function leave(t, i, peer)
  if i % 3 == 0 and t.protocol.offers.protocol then
    peer:request()
  elseif t.protocol.offers.partial then
    peer:request { partial = true }
  end
  if i % 2 == 0 then peer:reset() else peer:fin() end
end

return scenario {
  "fd-reuse",
  doc = "old connections end and new ones take their numbers in one batch",
  why = [[The number of a closed fd is given to the next connection at once. An event, a timer or a list that still says
the old number now means somebody else: bytes go astray, or a healthy connection is closed.]],
  run = function(t)
    for _ = 1, 6 do -- one round may miss: it takes events in one batch, and in that order
      local old, new = phases.connect(t, nil, 6), {}
      t:until_asleep() -- so that all that comes while it is stopped is one batch
      t:signal("STOP")
      for i, peer in ipairs(old) do
        leave(t, i, peer)
        -- Its event stands between those of the old ones: what is closed before it, it takes over. Not behind the very
        -- first: a target that is only about to stop may still take that one's end alone.
        -- Not t:connect: who stands still cannot greet.
        if i == 3 then
          new[1] = t:open()
          t:until_connected(new[1])
        end
      end
      table.move(phases.open(t, 5), 1, 5, 2, new)
      for _, peer in ipairs(new) do
        t:until_connected(peer)
        if phases.asks_at_once(t) then peer:request() end
      end
      t:signal("CONT")
      phases.all(t, new, function(peer)
        t:until_accepted(peer)
        phases.answers(t, peer)
        phases.exchange(t, peer)
        peer:try("fin")
        t:expect_closed(peer)
      end)
      phases.all(t, old, function(peer) t:expect_closed(peer) end)
    end
  end,
}
