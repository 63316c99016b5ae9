-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "spurious-wakeup",
  doc = "the target is woken for a connection and finds nothing: its read, or its accept, gives EAGAIN",
  why = [[Readiness is a hint. Another thread or process may have been faster, the bytes may have been dropped for a bad
checksum (select(2), BUGS), two events may have become one. A read that gives EAGAIN after IN is no error, no end and no
reason to wait inside the read: go back to the wait, and what comes next is reported as ever.]],
  needs = { "inject" },
  run = function(t)
    t:canary_rest() -- the wakeup in vain is to be a peer's
    local delivered = 0
    for _ = 1, t.protocol.offers.protocol and 3 or 0 do
      local peer = t:connect()
      local fault = t:fault("@read:EAGAIN:1")
      if t.protocol.offers.partial then
        peer:request { partial = true }
      else
        peer:request()
      end
      t:until_reported(peer, "IN", { patience = 0.3 })
      t:until_asleep()
      delivered = delivered + fault:lift()
      -- More bytes: a new edge for those who were told only once.
      if t.protocol.offers.partial then
        peer:complete()
      elseif t.protocol.offers.pipeline then
        peer:request()
      end
      phases.answers(t, peer)
      phases.exchange(t, peer)
      peer:try("fin")
    end
    local fault = t:fault("@accept:EAGAIN:1")
    local first = t:open()
    t:until_connected(first)
    t:wait(0.01)
    phases.strike(t, fault, 2) -- whoever comes next brings the first one in, too
    delivered = delivered + fault:lift()
    local second = t:connect { try = true }
    for _, peer in ipairs { first, second } do
      t:until_accepted(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end
    if delivered == 0 then t:skip("the target neither reads nor accepts by calls that could give EAGAIN") end
    t:canary_run()
    t:until_served(3)
  end,
}
