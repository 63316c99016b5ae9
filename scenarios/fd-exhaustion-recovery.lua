-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "fd-exhaustion-recovery",
  doc = "the target runs out of fds while it runs, and gets them back",
  why = [[Servers that size themselves by RLIMIT_NOFILE at their start meet EMFILE only when it is lowered later, as when
a leak or another thread has used them up. When fds are there again those who waited must be accepted: an edge-
triggered listener gets no new edge for them.]],
  run = function(t)
    t:keep_only(true)
    t:limit_fds(4)
    local peers = phases.exhaust(t)
    phases.hold(t, 4)
    phases.rest(t)
    t:limit_restore()
    phases.resume(t, peers)
  end,
}
