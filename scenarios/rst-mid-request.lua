-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "rst-mid-request",
  doc = "the peer resets halfway through a request",
  why = [[A parser that waits for the rest of the head never calls read again; what tells it of the end is ERR or HUP
alone, or ECONNRESET from the read that those must lead to.]],
  needs = { "partial" },
  run = function(t)
    phases.all(t, phases.mid_request(t), function(peer)
      peer:reset()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
