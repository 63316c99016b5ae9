-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "stall-keepalive",
  doc = "a kept connection that was fine before stops reading in a later answer, then reads again",
  why = [[What was armed and kept for the first answer must be so again for the next: OUT was dropped when that one was
written out, and a server that arms it once for each connection waits for ever now.]],
  needs = { "keepalive" },
  knobs = buffers.small,
  run = function(t)
    local big = phases.has_big(t)
    local peers = phases.keepalive(t, { receive_buffer = 4096 })
    for _, peer in ipairs(peers) do peer:stall() end
    phases.block(t, peers, big)
    phases.hold(t, 3)
    phases.unblock(t, peers)
  end,
}
