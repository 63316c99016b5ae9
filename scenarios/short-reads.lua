-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "short-reads",
  doc = "a request arrives in small pieces, each read before the next is sent",
  why = [[The kernel gives what there is, not what was asked for. A request may be cut anywhere: inside its first word,
inside a line end, inside a number. Whole must mean the same however it was cut.]],
  needs = { "protocol" },
  run = function(t)
    local pieces = { 1, 7, 16 }
    local at = 0
    phases.all(t, phases.connect(t), function(peer)
      at = at + 1
      local size = pieces[at]
      local token = ("piece-%d"):format(size)
      local bytes = t.protocol.request { token = token }
      for from = 1, #bytes, size do
        peer:send(bytes:sub(from, from + size - 1))
        t:until_read(peer)
      end
      peer:owe { token = token }
      phases.answers(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
