-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "short-writes",
  doc = "answers go through a window of a few kilobytes to a peer that reads all the time",
  why = [[write takes less than it was given, again and again, with room for more a moment later. The rest is to be kept
and sent, in order, once; every byte is checked.]],
  needs = { "protocol" },
  knobs = buffers.small,
  run = function(t)
    local peers = phases.connect(t, { receive_buffer = 2048 })
    phases.all(t, peers, function(peer)
      if t.protocol.offers.big then peer:request { big = phases.big } end
      for _ = 1, t.protocol.offers.pipeline and 30 or 1 do peer:request() end
      phases.answers(t, peer)
      phases.hold(t, 8) -- written out and idle: who still asks for OUT spins now
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
