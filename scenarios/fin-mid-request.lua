-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fin-mid-request",
  doc = "the peer closes halfway through a request",
  why = [[The read that gives 0 comes while a request is unfinished. Parsers that take it for 'no data yet' spin, or keep
the connection.]],
  needs = { "partial" },
  run = function(t)
    phases.all(t, phases.mid_request(t), function(peer)
      peer:fin()
      t:expect_mask(peer, "RDHUP")
      t:expect_closed(peer)
    end)
  end,
}
