-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "close-unread-idle",
  doc = "the peer closes with the greeting unread, so its kernel resets",
  why = [[A client that connects and goes at once, a port scanner for one: the server has spoken first, so that even an
idle connection ends by a reset.]],
  needs = { "greets" },
  run = function(t)
    local peers = {}
    for i = 1, 3 do peers[i] = t:open { reading = false } end
    for _, peer in ipairs(peers) do
      t:until_connected(peer)
    end
    phases.all(t, peers, function(peer)
      t:until_accepted(peer)
      peer:close_unread()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
