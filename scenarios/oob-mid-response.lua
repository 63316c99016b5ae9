-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "oob-mid-response",
  doc = "an urgent byte arrives in the middle of an answer, which the peer does not read",
  why = [[The target waits for room to write and reads nothing meanwhile, so PRI stays raised until the answer is out: a
loop that has it armed spins for all that time. Nothing of the answer may be lost for it.]],
  needs = { "protocol" },
  knobs = buffers.small,
  run = function(t)
    local peers = phases.mid_response(t)
    local urgent = 0
    for _, peer in ipairs(peers) do
      -- It must not overtake a request that is on its way still, for the target reads no more of it.
      if peer:try("oob") then urgent = urgent + 1 end
    end
    if urgent == 0 then
      for _, peer in ipairs(peers) do peer:try("reset") end
      t:skip("the requests themselves fill the connection: no urgent byte gets through")
    end
    phases.hold(t, 4)
    phases.unblock(t, peers)
  end,
}
