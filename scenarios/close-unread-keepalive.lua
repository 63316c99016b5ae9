-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "close-unread-keepalive",
  doc = "the peer of a kept connection closes with a later answer unread, so its kernel resets",
  why = [[The connection was good for one exchange and is trusted; the reset comes where only the next request was
expected.]],
  needs = { "keepalive" },
  run = function(t)
    local peers = phases.keepalive(t)
    for _, peer in ipairs(peers) do
      peer:stall()
      peer:request()
    end
    phases.all(t, peers, function(peer)
      peer:close_unread()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
