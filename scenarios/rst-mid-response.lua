-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "rst-mid-response",
  doc = "the peer resets in the middle of an answer, which it does not read",
  why = [[The target waits for room to write, so only OUT is on its mind. The reset arrives as OUT together with ERR and
HUP; a write then gives ECONNRESET, the next one EPIPE and SIGPIPE.]],
  needs = { "protocol" },
  knobs = buffers.small,
  run = function(t)
    phases.all(t, phases.mid_response(t), function(peer)
      peer:reset()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
