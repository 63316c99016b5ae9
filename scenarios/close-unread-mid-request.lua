-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "close-unread-mid-request",
  doc = "the peer closes halfway through a request with an earlier answer unread, so its kernel resets",
  why = [[Half a request is in the target's buffer when the connection is reset: what was read of it is to be thrown away,
and nothing more can be read.]],
  needs = { "partial", "pipeline" },
  run = function(t)
    local peers = phases.connect(t, { reading = false })
    for _, peer in ipairs(peers) do
      peer:request()
      peer:request { partial = true }
    end
    phases.all(t, peers, function(peer)
      t:until_read(peer)
      peer:close_unread()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
