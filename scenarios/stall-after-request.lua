-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "stall-after-request",
  doc = "the peer asks and does not read: its answers wait in its own socket",
  why = [[The answers are written, nothing tells whether they were read, and the connection is idle: it must be kept, and
nobody must wait for it. When the peer reads at last every byte is there.]],
  needs = { "protocol" },
  run = function(t)
    local peers = phases.connect(t, { reading = false })
    for i, peer in ipairs(peers) do
      for _ = 1, t.protocol.offers.pipeline and i or 1 do peer:request() end
    end
    phases.hold(t, 5)
    phases.all(t, peers, function(peer)
      peer:try("resume")
      phases.answers(t, peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
