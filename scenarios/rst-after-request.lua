-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "rst-after-request",
  doc = "the peer resets right after its request",
  why = [[The answer is written to a connection that is gone already: the first write gives ECONNRESET, the second EPIPE
and, unless it was asked not to, SIGPIPE, which kills the process.]],
  needs = { "protocol" },
  run = function(t)
    local peers = phases.after_request(t, function(peer) peer:reset() end)
    phases.all(t, peers, function(peer)
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
