-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

local PIECE = 256 * 1024

return scenario {
  "never-reads",
  doc = "a peer asks and asks, and never reads an answer",
  why = [[What is owed to it must be somewhere. Who stops reading from it leaves that to the kernel's buffers, and to the
peer; who reads on keeps all of it in memory, for as many peers as care to try.]],
  needs = { "big", "pipeline" },
  knobs = buffers.small,
  run = function(t)
    local pieces = tonumber(t:setting("unread", 12)) * 1024 * 1024 // PIECE
    -- The same by a peer that reads, so that what the target keeps for any peer is there already.
    local reader = t:connect()
    for _ = 1, pieces do
      reader:request { big = PIECE }
      local right, size = reader:answer { timeout = 5 }
      if not right or size < PIECE then t:skip("no answer is big enough (-D big=/PATH names one)") end
    end
    reader:fin()
    t:expect_closed(reader)
    t:until_asleep()
    t:probe()
    local peer = t:connect { reading = false, receive_buffer = 4096 }
    for _ = 1, pieces do
      peer:request { big = PIECE }
      if not t:until_read(peer, { patience = 0.2 }) then break end
    end
    t:until_asleep { patience = 0.2 }
    t:probe()
    t:until_served(3)
    peer:try("fin")
    t:expect_closed(peer)
  end,
}
