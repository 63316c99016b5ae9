-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fd-exhaustion-injected",
  doc = "accept fails with EMFILE although fds are free, for a while",
  why = [[The errno alone, without a limit that a server could have read: what counts is that it does not spin, goes on
serving, and accepts again afterwards.]],
  needs = { "inject" },
  run = function(t)
    t:keep_only(true)
    local fault = t:fault("@accept:EMFILE:1..")
    local peers = phases.open(t, 4)
    for _, peer in ipairs(peers) do
      t:until_connected(peer)
      if phases.asks_at_once(t) then peer:request() end
    end
    phases.hold(t, 6)
    t:expect_delivered(fault)
    t:keep_only(false)
    phases.all(t, peers, function(peer)
      t:until_accepted(peer)
      phases.exchange(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
