-- SPDX-License-Identifier: MIT
-- SMTP (RFC 5321): the server speaks first. A request is EHLO with the token as the client's name, which may be given at any time;
-- the last one on a connection is QUIT. The first right answer to EHLO is what all others are compared with, line by line.
--
-- No pipelining: EHLO has to be the last of a group (RFC 2920). No half-close: the client ends with QUIT, and one whose connection
-- ends before that is to be treated as gone (RFC 5321 4.1.1.10).
--
-- Settings: hello: EHLO (default) or HELO, for servers that know no extensions.
local hello = (settings.hello or "EHLO"):upper()
local LINE_MOST = 4096 -- far beyond the 512 bytes of RFC 5321 4.5.3.1.5

assert(hello == "EHLO" or hello == "HELO", "hello is EHLO or HELO")

local function request(kind, token)
  if kind == "big" then return nil end
  return kind == "last" and "QUIT\r\n" or hello .. " " .. token .. ".wringer.example\r\n"
end

-- A reply of one or more lines: its lines and its last position; 0 when more is needed; nil and what is wrong. A code is
-- looked at as soon as it is there.
local function reply(data, wanted)
  local lines, at = {}, 1
  while true do
    local code = data:sub(at, at + 2)
    if code ~= wanted:sub(1, #code) then
      local stop = data:find("\r\n", at)
      return nil, ("expected a reply %s, received %s"):format(wanted, quote(data:sub(at, stop and stop - 1 or at + 79)))
    end
    local stop = data:find("\r\n", at)
    if not stop then
      if #data - at > LINE_MOST then return nil, "expected the end of a line, received 4 KiB without" end
      return 0
    end
    local line = data:sub(at, stop - 1)
    local mark = line:sub(4, 4)
    if mark ~= " " and mark ~= "-" and mark ~= "" then
      return nil, ("expected a blank or - behind %s, received %s"):format(wanted, quote(line))
    end
    lines[#lines + 1] = line
    at = stop + 2
    if mark ~= "-" then return lines, at - 1 end
  end
end

local reference

-- Extensions may be listed in any order; the token may be said back.
local function comparable(lines, token)
  local list = {}
  for i, line in ipairs(lines) do list[i] = line:sub(5):gsub(token:gsub("%p", "%%%0"), "{token}") end
  table.sort(list)
  return table.concat(list, "\n")
end

local function answer(kind, token, _, data)
  local lines, stop = reply(data, kind == "last" and "221" or "250")
  if lines == 0 then return 0 end
  if not lines then return nil, stop end
  if kind == "last" then return stop end
  local text = comparable(lines, token)
  reference = reference or text
  if text ~= reference then return nil, ("expected %s, received %s"):format(quote(reference), quote(text)) end
  return stop
end

local function greeting(data)
  local lines, stop = reply(data, "220")
  if lines == 0 then return 0 end
  if not lines then return nil, stop end
  return stop
end

return protocol {
  "smtp",
  doc = "SMTP: the server greets, EHLO is asked, QUIT ends",
  offers = { "protocol", "partial", "keepalive", "greets" },
  request = request,
  answer = answer,
  greeting = greeting,
}
