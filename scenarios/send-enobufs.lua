-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "send-enobufs",
  doc = "a write fails with ENOBUFS once",
  why = [[Memory for a packet was short at this moment: the connection may be tried again or closed, but it may not be
forgotten with half an answer, and nobody else is to pay for it.]],
  needs = { "protocol", "inject" },
  run = function(t)
    t:canary_rest()
    local peers = phases.connect(t)
    local fault = t:fault("@write:ENOBUFS:1")
    for _, peer in ipairs(peers) do peer:request() end
    phases.all(t, peers, function(peer)
      local _, why = peer:answer()
      if why == "timeout" or why == "stopped" then t:fail(peer:name() .. " is neither answered nor closed after ENOBUFS") end
      peer:try("fin")
      t:expect_closed(peer)
    end)
    if fault:lift() == 0 then t:skip("the target writes with calls that do not give ENOBUFS") end
    t:canary_run()
    t:until_served(2)
  end,
}
