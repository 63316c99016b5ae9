-- SPDX-License-Identifier: MIT
local hoard = use "lib.hoard"
local phases = use "lib.phases"

return scenario {
  "slowloris",
  doc = "many peers send their requests byte by byte, and never to the end",
  why = [[Each of them costs the attacker nothing and the target a connection. It must go on serving others, and should
end those that take for ever. -D peers=10000 has that many do it, by processes of their own.]],
  needs = { "partial" },
  run = function(t)
    if t:setting("peers") then return hoard.play(t, (t.protocol.request { partial = true })) end
    local peers = phases.connect(t, nil, 20)
    phases.all(t, peers, function(peer)
      peer:drip({ partial = true }, 0.012)
    end)
    t:until_served(3)
    for _, peer in ipairs(peers) do peer:try("fin") end
    phases.all(t, peers, function(peer) t:expect_closed(peer) end)
  end,
}
