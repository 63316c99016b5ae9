-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "half-close-mid-request",
  doc = "the peer shuts down writing halfway through a request",
  why = [[The rest of the request can never come. Waiting for it keeps an fd until some timer ends it, if there is one.]],
  needs = { "partial" },
  run = function(t)
    phases.all(t, phases.mid_request(t), function(peer)
      peer:half_close()
      t:expect_mask(peer, "RDHUP")
      t:expect_closed(peer)
    end)
  end,
}
