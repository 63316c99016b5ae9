-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fin-after-request",
  doc = "the peer closes right after its request",
  why = [[Request and FIN arrive in one report: IN and RDHUP together. Who looks at RDHUP first drops the request; who
writes twice after the client closed gets EPIPE and SIGPIPE.]],
  needs = { "protocol" },
  run = function(t)
    local peers = phases.after_request(t, function(peer) peer:fin() end)
    phases.all(t, peers, function(peer)
      t:expect_mask(peer, "RDHUP")
      t:expect_closed(peer)
    end)
  end,
}
