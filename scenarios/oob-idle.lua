-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "oob-idle",
  doc = "urgent bytes arrive on idle connections",
  why = [[An urgent byte raises PRI, for as long as it is not taken by MSG_OOB or passed by a read. A loop that arms PRI,
or takes every event it does not know for IN, spins.]],
  run = function(t)
    phases.urgent(t, phases.idle(t))
  end,
}
