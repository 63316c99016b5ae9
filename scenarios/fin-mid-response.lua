-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "fin-mid-response",
  doc = "the peer closes in the middle of an answer, which it does not read",
  why = [[With only OUT armed and no room to write, a FIN says nothing at all until the target writes and is answered by a
reset. Reading must not be forgotten while writing.]],
  needs = { "protocol" },
  knobs = buffers.small,
  run = function(t)
    phases.all(t, phases.mid_response(t), function(peer)
      peer:fin() -- what the target goes on sending is answered by a reset
      t:expect_closed(peer)
    end)
  end,
}
