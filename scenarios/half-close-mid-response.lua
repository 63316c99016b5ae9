-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "half-close-mid-response",
  doc = "the peer shuts down writing in the middle of an answer, which it does not read",
  why = [[The client has said all it wanted to say and reads on. A server that takes RDHUP for the end of everything cuts
its answer short.]],
  needs = { "half-close" },
  knobs = buffers.small,
  run = function(t)
    phases.all(t, phases.mid_response(t, nil, true), function(peer)
      peer:half_close()
      phases.hold(t, 6) -- the end is known and the answer stuck: who still asks for IN or RDHUP spins now
      peer:resume()
      phases.answers(t, peer)
      t:expect_closed(peer)
    end)
  end,
}
