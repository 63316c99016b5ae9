-- SPDX-License-Identifier: MIT
-- Whatever is sent comes back. A request is a line: its token, then filling up to a fixed length; a big one has as
-- many bytes as were asked for.
local filling = use "lib.filling"
local LINE = 64

local function length(kind, token, bytes)
  return math.max(kind == "big" and bytes or LINE, #token + 2)
end

local function request(kind, token, bytes)
  return filling.text(token, length(kind, token, bytes) - 1) .. "\n"
end

local function answer(kind, token, bytes, data)
  local total = length(kind, token, bytes)
  local wrong = filling.compare("the echo", data, 1, token, total - 1)
  if wrong then return nil, wrong end
  if #data < total then return 0, total end
  local right, why = filling.expect("the end of the echo", data, total, "\n")
  if not right then return nil, why end
  return total
end

return protocol {
  "echo",
  doc = "whatever is sent comes back",
  offers = { "protocol", "big", "keepalive", "pipeline", "token", "half-close" },
  request = request,
  answer = answer,
}
