-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "eintr-storm",
  doc = "waits, reads, writes and accepts are interrupted, over and over",
  why = [[Any signal with a handler, a debugger that attaches, SIGCONT after SIGSTOP: EINTR means nothing but 'again'.
Servers have exited, left their loop, and closed healthy connections for it.]],
  needs = { "inject" },
  run = function(t)
    -- Every seventh wait, every fifth read: no signal strikes the same call of each turn, and a loop may ask two or three times
    -- a turn (EventMachine in Ruby: ppoll, ppoll, epoll_wait; struck at every third wait it never came to see its events).
    local storm = { t:fault("@wait:EINTR:1..+7") }
    if t.protocol.offers.protocol then
      storm[#storm + 1] = t:fault("@read:EINTR:1..+5")
    end
    storm[#storm + 1] = t:fault("@accept:EINTR:1..+2")
    phases.all(t, phases.connect(t), function(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
    t:until_served(3)
    t:expect_delivered(storm[#storm])
    local delivered = 0
    for _, fault in ipairs(storm) do delivered = delivered + fault:lift() end
    t:note(("%d calls were interrupted"):format(delivered))
  end,
}
