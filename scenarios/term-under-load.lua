-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "term-under-load",
  doc = "the target is asked to stop while requests and answers are under way",
  why = [[A stop that waits for every connection waits for ever when one of them is idle or does not read; a stop that
spins burns a core until somebody notices.]],
  run = function(t)
    local peers = phases.connect(t, nil, 6)
    local asks = t.protocol.offers.protocol
    for i, peer in ipairs(peers) do
      if asks and i % 2 == 0 then peer:request() end
      if i % 3 == 0 and t.protocol.offers.partial then peer:request { partial = true } end
    end
    t:signal("TERM")
    t:until_gone { patience = 3 }
  end,
}
