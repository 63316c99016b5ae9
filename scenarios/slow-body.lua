-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

local BODY, PIECE = 480, 80

return scenario {
  "slow-body",
  doc = "the head of a request comes at once, its body in small pieces that take their time",
  why = [[An upload over a bad line. Every piece is a wakeup with a request that is not whole; whoever waits for the rest
inside the handler keeps everybody waiting, and whoever answers before the body is there must read it all the same, or
the next request begins in the middle of it.]],
  needs = { "body" },
  run = function(t)
    phases.all(t, phases.connect(t), function(peer)
      local token = "slow-" .. peer:name()
      local bytes = t.protocol.request { body = BODY, token = token }
      local sent = peer:try("send", bytes:sub(1, -BODY - 1))
      for from = #bytes - BODY + 1, #bytes, PIECE do
        if not sent or not t:until_read(peer) then break end
        t:until_served(1)
        sent = peer:try("send", bytes:sub(from, from + PIECE - 1))
      end
      if sent then
        peer:owe { body = BODY, token = token }
        phases.answers(t, peer)
        phases.exchange(t, peer)
      end
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
