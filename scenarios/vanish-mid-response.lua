-- SPDX-License-Identifier: MIT
local buffers = use "lib.buffers"
local phases = use "lib.phases"

return scenario {
  "vanish-mid-response",
  doc = "the peer is gone without a word in the middle of an answer",
  why = [[A pulled cable, a lost route, a power cut: no FIN, no RST, no event, ever. Only a keep-alive, a user timeout or
a timer of its own tells the target; until then it must serve everybody else.]],
  needs = { "protocol", "sandbox" },
  knobs = buffers.small,
  run = function(t)
    for _, peer in ipairs(phases.mid_response(t)) do peer:vanish() end
    t:until_asleep()
    t:until_served(5)
  end,
}
