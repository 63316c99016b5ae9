-- SPDX-License-Identifier: MIT
-- Whatever is sent comes back. A request is a line: its token, then filling up to a fixed length; a big one has as
-- many bytes as were asked for.
local LINE = 64
local FILLING = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY" -- 61 bytes: a lost power of two shows
local RECENT = 65536

local function length(kind, token, bytes)
  return math.max(kind == "big" and bytes or LINE, #token + 2)
end

local function line(kind, token, bytes)
  local head = token .. " "
  local room = length(kind, token, bytes) - #head - 1
  return head .. FILLING:rep(room // #FILLING) .. FILLING:sub(1, room % #FILLING) .. "\n"
end

-- The first position in from..to that differs from the request, or nil. The request itself is not built again.
local function difference(data, head, total, from, to)
  if from <= #head then
    local wanted = head:sub(from, to)
    local same = data:same(from, wanted)
    if same < #wanted then return from + same end
    from = #head + 1
  end
  local last = math.min(to, total - 1)
  if from <= last then
    local same = data:repeats(from, FILLING, last - from + 1, from - #head - 1)
    if same < last - from + 1 then return from + same end
  end
  if to == total and data:sub(total, total) ~= "\n" then return total end
end

local function answer(kind, token, bytes, data)
  local total = length(kind, token, bytes)
  local have = math.min(#data, total)
  -- All of it once it is whole; before that what came last, or a big answer would be compared a hundred times.
  local from = have < total and have > RECENT and have - RECENT or 1
  local at = difference(data, token .. " ", total, from, have)
  if at then
    local request = line(kind, token, bytes)
    return nil, ("byte %d of the echo: expected %s, received %s"):format(
      at, quote(request:sub(at, at + 15)), quote(data:sub(at, at + 15)))
  end
  if have < total then return 0, total end
  return total
end

return protocol {
  "echo",
  doc = "whatever is sent comes back",
  offers = { "protocol", "big", "keepalive", "pipeline", "token", "half-close" },
  request = line,
  answer = answer,
}
