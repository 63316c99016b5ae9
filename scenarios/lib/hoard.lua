-- SPDX-License-Identifier: MIT
-- Peers by the thousand (-D peers=N), held by processes of their own: one of them costs no coroutine and no line in the journal.
local hoard = {}

-- Until the target's open fds pass the mark; whether they did. It may take as long as it goes on.
local function until_fds(t, reached)
  local last, still = nil, 0
  while still < 20 do
    local fds = t:fds()
    if not fds then return false end
    if reached(fds) then return true end
    still = fds == last and still + 1 or 0
    last = fds
    t:wait(0.25)
  end
  return false
end

-- Holds them, sees that others are served meanwhile, lets go of them, and waits until the target did too. text: what each
-- sends, half of it at once and the rest byte by byte, `rate` bytes a second of all of them together.
function hoard.play(t, text, rate)
  local wanted = math.tointeger(tonumber(t:setting("peers")))
  if not wanted or wanted < 1 then t:broken("-D peers wants a whole number above 0") end
  local before, most = t:fds()
  before = before or 0
  if most and wanted > most - before then
    t:broken(("%d peers are more than the server can hold: %d, by the limits of fds of its processes"):format(wanted, most - before))
  end
  local held = t:hoard(wanted, text, rate)
  local count = held:count()
  if count.made < wanted then
    t:broken(("%d of %d peers could connect: the server took no more%s"):format(count.made, wanted,
      count.error and " (" .. count.error .. ")" or count.ended > 0 and (", and closed %d"):format(count.ended) or ""))
  end
  if not until_fds(t, function(fds) return fds >= before + held:count().open end) then
    t:broken(("%d peers are connected, the server has %d fds: its limit, or that of its processes, is lower than their number")
      :format(count.open, t:fds() or 0))
  end
  t:until_served(5)
  count = held:count()
  t:note(("%d peers held by %d processes, %.2f KiB of memory each"):format(count.open, count.workers, count.memory / 1024 / wanted))
  held:drop()
  until_fds(t, function(fds) return fds <= before + 8 end)
end

return hoard
