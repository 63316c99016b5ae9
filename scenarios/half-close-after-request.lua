-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "half-close-after-request",
  doc = "the peer shuts down writing right after its request and awaits the answer",
  why = [[printf 'GET / …' | nc: the request is followed by a FIN, and the answer is awaited. A server that takes RDHUP
for the end never answers.]],
  needs = { "half-close" },
  run = function(t)
    local peers = phases.after_request(t, function(peer) peer:half_close() end, { corked = true })
    phases.all(t, peers, function(peer)
      phases.answers(t, peer)
      -- Who keeps it open is told nothing more, whatever the peer does: once that has gone, too, nobody is there to wait for.
      if not t:expect_closed(peer) then peer:try("fin") end
    end)
  end,
}
