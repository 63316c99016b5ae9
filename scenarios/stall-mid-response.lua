-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "stall-mid-response",
  doc = "the peer stops reading until the target cannot write, then reads again",
  why = [[The answer must go on when the window opens: OUT has to be armed after EAGAIN or a short write, the rest must be
kept, and meanwhile everybody else is to be served. Every byte is checked.]],
  needs = { "protocol" },
  knobs = buffers.small,
  run = function(t)
    local peers = phases.mid_response(t)
    phases.hold(t, 8)
    phases.unblock(t, peers)
  end,
}
