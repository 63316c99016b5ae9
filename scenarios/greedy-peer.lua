-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

-- Much more than one turn of a fair loop, asked for in pieces so that neither side has to hold it.
local PIECE, PIECES = 256 * 1024, 48
-- And for as long as others ask so often, or would: a fast server has given all of it before the next one comes.
local OTHERS, PATIENCE = 20, 1

return scenario {
  "greedy-peer",
  doc = "one peer asks without pause; the others are served in between",
  why = [[A loop that serves one connection for as long as it has something to say starves all others: reads and writes of
one turn need a bound.]],
  needs = { "pipeline" },
  run = function(t)
    local peer = t:connect()
    local asked = 0
    t:spawn(function()
      while asked < 600 and peer:alive() do
        for _ = 1, 60 do peer:request() end
        asked = asked + 60
        t:wait(0)
      end
    end)
    t:until_served(5)
    t:join()
    phases.answers(t, peer)
    if t.protocol.offers.big and peer:alive() then
      local others_wait, i = true, 0
      t:spawn(function()
        t:until_served(OTHERS, { patience = PATIENCE })
        others_wait = false
      end)
      while peer:alive() and (others_wait or i < PIECES) do
        i = i + 1
        peer:request { big = PIECE }
        if i > 32 then peer:answer { timeout = 5 } end
      end
      t:join()
      phases.answers(t, peer)
    end
    peer:try("fin")
    t:expect_closed(peer)
  end,
}
