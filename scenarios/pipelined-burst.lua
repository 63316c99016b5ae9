-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "pipelined-burst",
  doc = "many requests arrive at once on each connection",
  why = [[One edge, one read, many requests: who answers the first and waits for the next event leaves the others in its
own buffer, where no event will ever tell of them.]],
  needs = { "pipeline" },
  run = function(t)
    -- In one piece first: a quick target reads each of the others before the next one comes.
    for _, corked in ipairs { true, false } do
      phases.all(t, phases.connect(t, { corked = corked }), function(peer)
        for _ = 1, 20 do peer:request() end
        phases.answers(t, peer)
        peer:try("fin")
        t:expect_closed(peer)
      end)
    end
  end,
}
