-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "oob-after-request",
  doc = "an urgent byte arrives right behind a request",
  why = [[Request and urgent byte are reported together, as IN and PRI. A plain read stops in front of the urgent byte and
skips it: the request is whole and must be answered, and PRI must not wake the loop again and again.]],
  needs = { "protocol" },
  run = function(t)
    local peers = phases.connect(t)
    for _, peer in ipairs(peers) do
      peer:request()
      peer:oob()
    end
    phases.all(t, peers, function(peer)
      phases.answers(t, peer)
      phases.exchange(t, peer)
    end)
    phases.hold(t, 3)
    phases.all(t, peers, function(peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
