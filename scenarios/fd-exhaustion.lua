-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fd-exhaustion",
  doc = "more connections come than the target has fds for, from its start on",
  why = [[accept gives EMFILE and the connection stays in the queue, so a level-triggered listener is ready for ever: a
loop that just tries again burns a whole core. Those who are connected must be served all the same.]],
  fd_limit = 64,
  run = function(t)
    t:keep_only(true)
    local peers = phases.exhaust(t)
    phases.hold(t, 4)
    phases.rest(t)
    local waiting = {}
    for _, peer in ipairs(peers) do
      if t:until_accepted(peer, { patience = 0 }) then
        peer:try("fin")
      else
        waiting[#waiting + 1] = peer
      end
    end
    phases.resume(t, waiting)
    phases.all(t, peers, function(peer)
      if t:until_accepted(peer, { patience = 0 }) then t:expect_closed(peer) end
    end)
  end,
}
