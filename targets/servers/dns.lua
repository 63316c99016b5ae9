-- SPDX-License-Identifier: MIT
-- DNS over TCP (RFC 1035, 4.2.2): each message behind its length. The name asked for begins with the token, and the answer says
-- it back: that there is no such name is a right answer. Settings: domain, one the server answers for (default: example).
local domain = settings.domain or "example"
local ID, QUERY, IN, A = 0x5752, 0x0000, 1, 1
local NO_ERROR, NO_NAME = 0, 3

local function labels(name)
  return (name:gsub("[^%w.-]", "-"):gsub("([^.]+)%.?", function(label) return string.pack("s1", label) end)) .. "\0"
end

local function question(token)
  return labels(token .. "." .. domain) .. string.pack(">I2I2", A, IN)
end

local function check(message, wanted)
  if #message < 12 + #wanted then return false end
  local id, flags = string.unpack(">I2I2", message)
  local code = flags & 15
  return id == ID and flags >> 15 == 1 and (code == NO_ERROR or code == NO_NAME) and message:sub(13, 12 + #wanted):lower() == wanted:lower()
end

return protocol {
  "dns",
  doc = "DNS over TCP: the address of a name that begins with the token",
  offers = { "protocol", "partial", "keepalive", "pipeline", "token", "half-close" },
  request = function(kind, token)
    if kind == "big" or kind == "body" then return nil end
    return string.pack(">s2", string.pack(">I2I2I2I2I2I2", ID, QUERY, 1, 0, 0, 0) .. question(token))
  end,
  answer = function(_, token, _, data)
    if #data < 2 then return 0 end
    local size = 2 + string.unpack(">I2", data:sub(1, 2))
    if #data < size then return 0, size end
    local message = data:sub(3, size)
    if check(message, question(token)) then return size end
    return nil, ("expected an answer about %s, received %s"):format(quote(token), quote(message))
  end,
}
