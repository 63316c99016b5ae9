-- SPDX-License-Identifier: MIT
-- RESP, the protocol of redis and what speaks like it. A request is `ECHO token`, as an array of bulk strings; a big one echoes
-- as many bytes as are wanted. Nothing is stored, so the server may hold anybody's data.
--
-- A client that shuts down writing behind whole commands gets their replies from redis (`printf 'PING\r\n' | nc -N host 6379`);
-- an answer still under way is cut, which is its policy.
--
-- Settings: command: ECHO (default) or PING, for servers that know only that one; password: sent with each request, as AUTH.
local filling = use "lib.filling"
local command = (settings.command or "ECHO"):upper()
local password = settings.password

assert(command == "ECHO" or command == "PING", "command is ECHO or PING")

local function bulk(...)
  local parts = { ("*%d\r\n"):format(select("#", ...)) }
  for _, word in ipairs { ... } do parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word) end
  return table.concat(parts)
end

local function size_of(kind, token, bytes)
  return kind == "big" and math.max(bytes, #token + 1) or #token
end

local function request(kind, token, bytes)
  local login = password and bulk("AUTH", password) or ""
  return login .. bulk(command, kind == "big" and filling.text(token, size_of(kind, token, bytes)) or token)
end


-- The value that begins at `at`; its last position, or 0 and that position when more is needed, or nil and what is wrong.
local function value(kind, token, bytes, data, at)
  local size = size_of(kind, token, bytes)
  local head = ("$%d\r\n"):format(size)
  local right, why = filling.expect("the answer", data, at, head)
  if right == nil then return nil, why end
  local stop = at + #head + size + 1
  if not right then return 0, stop end
  if kind == "big" then
    why = filling.compare("the answer", data, at + #head, token, size)
    if why then return nil, why end
    if #data < stop then return 0, stop end
    right, why = filling.expect("the end of the answer", data, stop - 1, "\r\n")
  else
    right, why = filling.expect("the answer", data, at + #head, token .. "\r\n")
  end
  if right == nil then return nil, why end
  return right and stop or 0, stop
end

local function answer(kind, token, bytes, data)
  local at = 1
  if password then
    local right, why = filling.expect("the answer to AUTH", data, 1, "+OK\r\n")
    if right == nil then return nil, why end
    if not right then return 0 end
    at = 6
  end
  if kind ~= "big" and data:sub(at, at) == "+" then
    local text = "+" .. token .. "\r\n"
    local right, why = filling.expect("the answer", data, at, text)
    if right == nil then return nil, why end
    return right and at + #text - 1 or 0
  end
  return value(kind, token, bytes, data, at)
end

return protocol {
  "redis",
  doc = "RESP: ECHO comes back as a bulk string",
  offers = { "protocol", "partial", "big", "keepalive", "pipeline", "token", "half-close" },
  request = request,
  answer = answer,
}
