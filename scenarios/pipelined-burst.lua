-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "pipelined-burst",
  doc = "many requests arrive at once on each connection",
  why = [[One edge, one read, many requests: who answers the first and waits for the next event leaves the others in its
own buffer, where no event will ever tell of them.]],
  needs = { "pipeline" },
  run = function(t)
    phases.all(t, phases.connect(t), function(peer)
      for _ = 1, 20 do peer:request() end
      phases.answers(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
