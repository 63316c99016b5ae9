-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "slow-read",
  doc = "the peer reads its answer in small pieces",
  why = [[A window that opens a little at a time: writes are short again and again. Each of them must remember where it
was; every byte is checked.]],
  needs = { "protocol" },
  knobs = buffers.small,
  run = function(t)
    phases.all(t, phases.mid_response(t), function(peer)
      for _ = 1, 12 do
        peer:resume()
        t:wait(0.001)
        if not peer:try("stall") then break end
        t:until_blocked(peer, { patience = 0.03 })
      end
      peer:try("resume")
      phases.answers(t, peer)
      phases.hold(t, 8)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
