-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "oob-mid-request",
  doc = "an urgent byte arrives halfway through a request",
  why = [[An urgent byte raises PRI, for as long as it is not taken by MSG_OOB or passed by a read. A loop that arms PRI,
or takes every event it does not know for IN, spins.]],
  needs = { "partial" },
  run = function(t)
    phases.urgent(t, phases.mid_request(t))
  end,
}
