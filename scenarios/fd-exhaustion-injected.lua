-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fd-exhaustion-injected",
  doc = "accept fails with EMFILE although fds are free, for a while",
  why = [[The errno alone, without a limit that a server could have read: what counts is that it does not spin, goes on
serving, and accepts again afterwards.]],
  needs = { "inject" },
  run = function(t)
    local before = t:open()
    t:until_connected(before)
    if phases.asks_at_once(t) then before:request() end
    t:until_accepted(before)
    t:keep_only(true)
    local fault = t:fault("@accept:EMFILE:1..")
    local peers = phases.open(t, 4)
    for _, peer in ipairs(peers) do
      t:until_connected(peer)
      if phases.asks_at_once(t) then peer:request() end
    end
    phases.hold(t, 6)
    phases.rest(t)
    t:expect_delivered(fault)
    before:try("fin") -- some accept again when one of those they have is gone
    phases.resume(t, peers)
  end,
}
