-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "vanish-after-request",
  doc = "the peer is gone without a word right after its request",
  why = [[The answer meets a host that knows nothing of the connection, as after a reboot: the first write succeeds, a
reset comes back, and the next write gives EPIPE and, unless it was asked not to, SIGPIPE.]],
  needs = { "protocol", "sandbox" },
  run = function(t)
    phases.after_request(t, function(peer) peer:vanish() end)
    t:until_asleep()
    t:until_served(5)
  end,
}
