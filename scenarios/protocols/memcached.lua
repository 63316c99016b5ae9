-- SPDX-License-Identifier: MIT
-- memcached's text protocol. No single command carries a token there and back and has an answer of a wanted size, so a request
-- is two in one: `set` stores the token, `get` asks for it; a big one asks for the same value many times in one `get`. Keys are
-- never used twice and expire after a minute.
--
-- A client that shuts down writing behind whole commands gets their answers from memcached (`printf … | nc -N host 11211`).
local filling = use "lib.filling"
local SMALL = 96       -- more than both command lines differ by, so that half a request ends inside the value
local LARGE = 65536    -- under every server's limit for one value
local EXPIRES = 60

-- How long one value is, and how often it is asked for.
local function plan(kind, bytes)
  if kind ~= "big" then return SMALL, 1 end
  local times = math.max(1, (bytes + LARGE - 1) // LARGE)
  return math.max(SMALL, bytes // times), times
end

local function key_of(token)
  return "wringer:" .. token
end

local function request(kind, token, bytes)
  local size, times = plan(kind, bytes)
  local key = key_of(token)
  return ("set %s 0 %d %d\r\n"):format(key, EXPIRES, size) .. filling.text(token, size) .. "\r\nget" ..
    (" " .. key):rep(times) .. "\r\n"
end

-- One `VALUE` at `at`: the position behind it; 0 when more is needed; nil and what is wrong.
local function value(data, at, token, size, head)
  local right, why = filling.expect("the answer to get", data, at, head)
  if not right then return right == false and 0 or nil, why end
  at = at + #head
  why = filling.compare("the value", data, at, token, size)
  if why then return nil, why end
  if #data < at + size then return 0 end
  right, why = filling.expect("the end of the value", data, at + size, "\r\n")
  if not right then return right == false and 0 or nil, why end
  return at + size + 2
end

local function answer(kind, token, bytes, data)
  local size, times = plan(kind, bytes)
  local head = ("VALUE %s 0 %d\r\n"):format(key_of(token), size)
  local total = #"STORED\r\n" + times * (#head + size + 2) + #"END\r\n"
  local right, why = filling.expect("the answer to set", data, 1, "STORED\r\n")
  if right == nil then return nil, why end
  if not right then return 0, total end
  local at = #"STORED\r\n" + 1
  -- What a big answer's earlier values are is looked at once all of it is here.
  if #data < total then at = at + math.max(0, #data - at) // (#head + size + 2) * (#head + size + 2) end
  while at + #"END\r\n" <= total do
    at, why = value(data, at, token, size, head)
    if not at then return nil, why end
    if at == 0 then return 0, total end
  end
  right, why = filling.expect("the end of the answer", data, at, "END\r\n")
  if right == nil then return nil, why end
  return right and total or 0, total
end

return protocol {
  "memcached",
  doc = "memcached's text protocol: a value is set and got",
  offers = { "protocol", "partial", "big", "keepalive", "pipeline", "token", "half-close" },
  request = request,
  answer = answer,
}
