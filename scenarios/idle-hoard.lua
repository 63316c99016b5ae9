-- SPDX-License-Identifier: MIT
local hoard = use "lib.hoard"
local phases = use "lib.phases"

return scenario {
  "idle-hoard",
  doc = "hundreds of connections that say nothing",
  why = [[Each is an fd and a registration that must cost nothing: whoever walks all of them at every turn, or keeps them
in a select set, shows it here. -D peers=100000 holds that many, by processes of their own.]],
  run = function(t)
    if t:setting("peers") then return hoard.play(t) end
    local peers = phases.connect(t, nil, 300)
    t:until_served(5)
    for _, peer in ipairs(peers) do peer:try("fin") end
    phases.all(t, peers, function(peer) t:expect_closed(peer) end)
  end,
}
