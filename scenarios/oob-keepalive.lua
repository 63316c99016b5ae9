-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "oob-keepalive",
  doc = "an urgent byte arrives on a kept connection, after one whole answer",
  why = [[An urgent byte raises PRI, for as long as it is not taken by MSG_OOB or passed by a read. A loop that arms PRI,
or takes every event it does not know for IN, spins.]],
  needs = { "keepalive" },
  run = function(t)
    local peers = phases.keepalive(t)
    for _, peer in ipairs(peers) do peer:oob() end
    t:until_served(4)
    phases.all(t, peers, function(peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
