-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "one-at-a-time",
  doc = "connections come one by one, each while the target sleeps",
  why = [[Each should wake one thread, which accepts it. Where every worker is woken for every connection, all but one find
nothing, and this is where it shows: in a crowd each of them would find somebody.]],
  run = function(t)
    t:keep_only(true)
    for _ = 1, 20 do
      t:until_asleep { patience = 0.1 }
      local peer = t:connect()
      t:until_accepted(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end
    t:keep_only(false)
  end,
}
