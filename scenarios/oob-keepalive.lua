-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "oob-keepalive",
  doc = "an urgent byte arrives on a kept connection, after one whole answer",
  why = [[An urgent byte raises PRI, for as long as it is not taken by MSG_OOB or passed by a read. A loop that arms PRI,
or takes every event it does not know for IN, spins.]],
  needs = { "keepalive" },
  run = function(t)
    phases.urgent(t, phases.keepalive(t))
  end,
}
