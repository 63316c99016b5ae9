-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "close-unread",
  doc = "the peer closes without having read the answer, so its kernel resets",
  why = [[An impatient client: bytes lie unread in its socket when it closes, and the kernel sends RST instead of FIN.
With further answers under way the target writes into a connection that is gone.]],
  needs = { "protocol" },
  run = function(t)
    local peers = phases.connect(t, { reading = false })
    for _, peer in ipairs(peers) do
      peer:request()
      if t.protocol.offers.pipeline then
        peer:request()
        peer:request()
      end
    end
    phases.all(t, peers, function(peer)
      peer:close_unread()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
