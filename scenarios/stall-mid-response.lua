-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "stall-mid-response",
  doc = "the peer stops reading until the target cannot write, then reads again",
  why = [[The answer must go on when the window opens: OUT has to be armed after EAGAIN or a short write, the rest must be
kept, and meanwhile everybody else is to be served. Every byte is checked.]],
  needs = { "protocol" },
  knobs = phases.small_buffers,
  run = function(t)
    phases.all(t, phases.mid_response(t), function(peer)
      t:until_served(3)
      peer:resume()
      if not phases.answers(t, peer) and not peer:ended() then t:fail(peer:name() .. " was not answered") end
      phases.hold(t, 3) -- written out and idle: who still asks for OUT spins now
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
