-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "vanish-keepalive",
  doc = "the peer is gone without a word on a kept connection, after one whole answer",
  why = [[A pulled cable, a lost route, a power cut: no FIN, no RST, no event, ever. Only a keep-alive, a user timeout or
a timer of its own tells the target; until then it must serve everybody else.]],
  needs = { "keepalive", "sandbox" },
  run = function(t)
    for _, peer in ipairs(phases.keepalive(t)) do peer:vanish() end
    t:until_asleep()
    t:until_served(5)
  end,
}
