-- SPDX-License-Identifier: MIT
-- Bytes of any length that can be checked wherever they lie, without being built again: a token and a blank, then a pattern
-- over and over, so that bytes that were lost, doubled or another connection's show.
local filling = {}

local PATTERN = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY" -- 61 bytes: a lost power of two shows
local RECENT = 65536

function filling.text(token, size)
  local head = (token .. " "):sub(1, size)
  local room = size - #head
  return head .. PATTERN:rep(room // #PATTERN) .. PATTERN:sub(1, room % #PATTERN)
end

-- The first position in from..to of the view at which filling.text(token, …), begun at `at`, is not what is there; nil: none.
local function difference(data, at, token, from, to)
  local head = token .. " "
  if from < at + #head then
    local wanted = head:sub(from - at + 1, to - at + 1)
    local same = data:same(from, wanted)
    if same < #wanted then return from + same end
    from = at + #head
  end
  if from > to then return nil end
  local same = data:repeats(from, PATTERN, to - from + 1, from - at - #head)
  if same < to - from + 1 then return from + same end
end

-- Compares what has come of filling.text(token, size), begun at `at`: nil, or what is wrong. While it is not whole only what
-- came last is looked at, or a big answer would be compared a hundred times.
function filling.compare(what, data, at, token, size)
  local have = math.min(#data, at + size - 1)
  local from = have < at + size - 1 and have - at > RECENT and have - RECENT or at
  local wrong = difference(data, at, token, from, have)
  if not wrong then return nil end
  local wanted = filling.text(token, size)
  return ("byte %d of %s: expected %s, received %s"):format(
    wrong - at + 1, what, quote(wanted:sub(wrong - at + 1, wrong - at + 16)),
    quote(data:sub(wrong, math.min(wrong + 15, have))))
end

-- Compares what has come of `text` at `at`: true when it is all there, false when it still may come, nil and what is wrong.
function filling.expect(what, data, at, text)
  local received = data:sub(at, at + #text - 1)
  if received == text then return true end
  if received == text:sub(1, #received) then return false end
  local stop = data:find("\n", at)
  return nil, ("%s: expected %s, received %s"):format(what, quote(text), quote(data:sub(at, math.min(stop or #data, at + 63))))
end

return filling
