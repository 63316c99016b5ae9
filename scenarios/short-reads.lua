-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

-- The target hung up in the middle: a part of a request was taken for something else. With a word (408, an answer that came too
-- early) it may have its reasons.
local function cut_short(t, peer, sent, size, heard)
  local text = ("%s: closed by the target after %d of %d bytes of a good request"):format(peer:name(), sent, size)
  if peer:received() > heard then t:note(text .. ", with an answer") else t:fail(text .. ", without a word") end
end

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
      local bytes, heard = t.protocol.request { token = token }, peer:received()
      for from = 1, #bytes, size do
        local last = math.min(from + size - 1, #bytes)
        if not peer:try("send", bytes:sub(from, last)) then return cut_short(t, peer, from - 1, #bytes, heard) end
        t:until_read(peer)
      end
      peer:owe { token = token }
      phases.answers(t, peer)
      peer:try("fin")
      t:expect_closed(peer)
    end)
  end,
}
