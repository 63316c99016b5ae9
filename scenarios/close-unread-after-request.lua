-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "close-unread-after-request",
  doc = "the peer closes with one whole answer unread, so its kernel resets",
  why = [[The target has answered, owes nothing and is asleep: what wakes it is a reset, ERR and HUP beside IN, although
nobody did anything wrong on its side.]],
  needs = { "protocol" },
  run = function(t)
    local peers = phases.connect(t, { reading = false })
    for _, peer in ipairs(peers) do peer:request() end
    phases.hold(t, 2)
    t:until_asleep()
    phases.all(t, peers, function(peer)
      peer:close_unread()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
