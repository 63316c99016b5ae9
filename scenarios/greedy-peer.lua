-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

-- Much more than one turn of a fair loop, asked for in pieces so that neither side has to hold it.
local PIECE, PIECES = 256 * 1024, 48

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
      for i = 1, PIECES do
        peer:request { big = PIECE }
        if i > 8 then peer:answer { timeout = 5 } end
      end
      phases.answers(t, peer)
    end
    peer:try("fin")
    t:expect_closed(peer)
  end,
}
