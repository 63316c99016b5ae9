-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "rst-keepalive",
  doc = "the peer resets on a kept connection, after one whole answer",
  why = [[Between two requests a connection often sits in another list, with another handler, than while it is served.
That handler must know resets too.]],
  needs = { "keepalive" },
  run = function(t)
    phases.all(t, phases.keepalive(t), function(peer)
      peer:reset()
      t:expect_mask(peer, "RDHUP ERR HUP")
      t:expect_closed(peer)
    end)
  end,
}
