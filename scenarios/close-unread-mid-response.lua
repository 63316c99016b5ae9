-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "close-unread-mid-response",
  doc = "the peer closes in the middle of an answer it never read",
  why = [[Its socket is full of unread bytes and so is the target's: the reset drops them all. The target is asleep, waits
for OUT alone, and is woken by ERR and HUP.]],
  needs = { "protocol" },
  knobs = buffers.small,
  run = function(t)
    phases.all(t, phases.mid_response(t), function(peer)
      peer:close_unread()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
