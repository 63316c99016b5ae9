-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "drip",
  doc = "whole requests arrive byte by byte, and one much larger than a buffer all at once",
  why = [[Every byte is a wake-up with a request that is not whole: it must be kept, and found whole at the right byte.
More bytes than one read takes must all be read, too: an edge-triggered set does not tell twice.]],
  needs = { "protocol" },
  run = function(t)
    phases.all(t, phases.connect(t), function(peer)
      peer:drip({}, 0.001)
      phases.answers(t, peer)
      if peer:alive() and t.protocol.offers.big then
        peer:request { big = 65536 }
        phases.answers(t, peer)
      end
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
