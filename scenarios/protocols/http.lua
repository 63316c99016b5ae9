-- SPDX-License-Identifier: MIT
-- HTTP/1.1. The server may be a stranger: what it answers first, if that is an answer a healthy server gives, is the reference
-- that every later answer to the same request must equal, byte for byte, but for what may change in between.
--
-- Settings: path (default /), big (default /bytes/N, N replaced; the path of a file of 8 MB or more on a server that has no
-- such thing), host, compare: all (default), headers (not the body's bytes) or status (for bodies that change every time),
-- pipeline: yes (default) or no, for servers that take one request at a time.
local path = settings.path or "/"
local big = settings.big or "/bytes/N"
local host = settings.host or "wringer"
local compare = settings.compare or "all"
local pipeline = settings.pipeline or "yes"
local TOKEN = "x-wringer"
local HEAD_MOST = 65536

-- Headers that two right answers to one request may differ in. Framing is judged by itself.
local VOLATILE = {
  ["age"] = true, ["alt-svc"] = true, ["cf-ray"] = true, ["connection"] = true, ["content-length"] = true, ["date"] = true,
  ["etag"] = true, ["expires"] = true, ["keep-alive"] = true, ["last-modified"] = true, ["nel"] = true, ["report-to"] = true,
  ["server-timing"] = true, ["set-cookie"] = true, ["traceparent"] = true, ["transfer-encoding"] = true,
  ["x-request-id"] = true, ["x-runtime"] = true, ["x-varnish"] = true, [TOKEN] = true,
}

-- Answers a healthy server gives to a stranger's GET.
local HEALTHY = { [401] = true, [403] = true, [404] = true }
-- And to a POST: it may have no use for one.
local UNWILLING = { [400] = true, [405] = true, [411] = true, [413] = true, [415] = true, [501] = true }

assert(compare == "all" or compare == "headers" or compare == "status", "compare is all, headers or status")
assert(pipeline == "yes" or pipeline == "no", "pipeline is yes or no")
for name, value in pairs { path = path, big = big, host = host } do
  assert(not value:find("[%c ]"), name .. " must not contain blanks or line ends")
end

local function target(kind, bytes)
  if kind ~= "big" then return path end
  return (big:gsub("/N$", "/" .. bytes))
end

local function request(kind, token, bytes)
  local body = kind == "body"
  return table.concat({
    (body and "POST " or "GET ") .. target(kind, bytes) .. " HTTP/1.1",
    "Host: " .. host,
    "User-Agent: wringer",
    "Accept: */*",
    "X-Wringer: " .. token,
    (body and "Content-Type: text/plain\r\nContent-Length: " .. bytes .. "\r\n" or "")
      .. (kind == "last" and "Connection: close" or "Connection: keep-alive"),
    "", body and ("a"):rep(bytes) or "",
  }, "\r\n")
end

-- Parsing. Each step gives nil (more is needed), or false and what is wrong.

local function parse_headers(text)
  local headers, list = {}, {}
  for name, value in text:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
    if not VOLATILE[name] then list[#list + 1] = name .. ": " .. value end
  end
  table.sort(list)
  return headers, list
end

-- The head that begins at `from`: {version, status, headers, list, body = where its body begins}.
local function parse_head(data, from)
  local start = data:sub(from, from + 6)
  if start ~= ("HTTP/1."):sub(1, #start) then
    return false, "expected an HTTP/1.x status line, received " .. quote(data:sub(from, from + 40))
  end
  local stop = data:find("\r\n\r\n", from)
  if not stop then
    if #data - from > HEAD_MOST then return false, "expected an end of the headers, received 64 KiB without" end
    return nil
  end
  local text = data:sub(from, stop + 1)
  local version, status = text:match("^HTTP/1%.(%d) (%d%d%d)[ \r]")
  if not version then
    return false, "expected an HTTP/1.x status line, received " .. quote(text:match("^[^\r]*"))
  end
  local headers, list = parse_headers(text)
  return { version = version, status = tonumber(status), headers = headers, list = list, line = text:match("^[^\r]*"),
           body = stop + 4 }
end

-- The chunks from `at` on: their bytes' places and the end of it all.
local function parse_chunks(data, at)
  local pieces = {}
  while true do
    local stop = data:find("\r\n", at)
    if not stop then return nil end
    local line = data:sub(at, math.min(stop - 1, at + 40))
    local size = tonumber(line:match("^(%x+)%s*;?") or "", 16)
    if not size then return false, "expected the size of a chunk, received " .. quote(line) end
    at = stop + 2
    if size == 0 then break end
    if #data < at + size + 1 then return nil end
    if data:sub(at + size, at + size + 1) ~= "\r\n" then
      return false, "expected the end of a chunk, received " .. quote(data:sub(at + size, at + size + 15))
    end
    pieces[#pieces + 1] = { at, at + size - 1 }
    at = at + size + 2
  end
  while true do -- trailers, then an empty line
    local stop = data:find("\r\n", at)
    if not stop then return nil end
    if stop == at then return pieces, at + 1 end
    at = stop + 2
  end
end

-- The body: pieces and its end; nil, announced when more is needed; false, why.
local function parse_body(data, head, closed)
  local headers = head.headers
  if head.status == 204 or head.status == 304 then return {}, head.body - 1 end
  if (headers["transfer-encoding"] or ""):lower():find("chunked", 1, true) then return parse_chunks(data, head.body) end
  local announced = headers["content-length"]
  if announced then
    local size = announced:match("^%d+$") and #announced < 16 and tonumber(announced)
    if not size then return false, "expected a Content-Length, received " .. quote(announced) end
    local stop = head.body + size - 1
    if #data < stop then return nil, stop end
    return { { head.body, stop } }, stop
  end
  if not closed then return nil end
  return { { head.body, #data } }, #data
end

-- Comparing.

local function first_difference(expected, received)
  local at, most = 1, math.min(#expected, #received)
  while at + 255 <= most and expected:sub(at, at + 255) == received:sub(at, at + 255) do at = at + 256 end
  while at <= most and expected:byte(at) == received:byte(at) do at = at + 1 end
  return at
end

local function differ(what, expected, received)
  local at = first_difference(expected, received)
  return ("%s, byte %d: expected %s, received %s"):format(
    what, at, quote(expected:sub(at, at + 24)), quote(received:sub(at, at + 24)))
end

-- The first header that one of two sorted lists has and the other has not, or has otherwise.
local function differ_headers(expected, received)
  local i = 1
  while expected[i] == received[i] do i = i + 1 end
  return ("headers: expected %s, received %s (if it may change, -D compare=status)"):format(
    expected[i] and quote(expected[i]) or "no more", received[i] and quote(received[i]) or "no more")
end

local references = {} -- target -> {status, list, body}

local function body_text(data, pieces, token)
  local parts = {}
  for i, piece in ipairs(pieces) do parts[i] = data:sub(piece[1], piece[2]) end
  local text = table.concat(parts)
  if #text > 65536 then return text end
  return (text:gsub(token:gsub("%p", "%%%0"), "{token}")) -- a server may say the token back
end

-- A body in one piece that cannot hold a token is compared where it lies.
local function same_body(data, pieces, token, reference)
  if #pieces == 1 and #reference > 65536 then
    local size = pieces[1][2] - pieces[1][1] + 1
    if size == #reference and data:same(pieces[1][1], reference) == size then return true end
  end
  local text = body_text(data, pieces, token)
  if text == reference then return true end
  if #text ~= #reference and text:sub(1, #reference) == reference:sub(1, #text) then
    return nil, ("body: expected %d bytes, received %d"):format(#reference, #text)
  end
  return nil, differ("body", reference, text)
end

local function check_token(head, token)
  local said = head.headers[TOKEN]
  if said and said ~= token then
    return nil, ("expected the token %s, received %s: an answer to another request"):format(quote(token), quote(said))
  end
  return true
end

local function check_learned(reference, head, data, pieces, token)
  if head.status ~= reference.status then
    return nil, ("expected %s, received %s"):format(quote(reference.line), quote(head.line))
  end
  if compare == "status" then return true end
  if table.concat(reference.list, "\n") ~= table.concat(head.list, "\n") then
    return nil, differ_headers(reference.list, head.list)
  end
  if compare == "headers" then return true end
  return same_body(data, pieces, token, reference.body)
end

local function learn(key, head, data, pieces, token)
  local post = key:find("^POST ")
  if not (head.status >= 200 and head.status < 400 or HEALTHY[head.status] or post and UNWILLING[head.status]) then
    return nil, ("expected an answer of a healthy server to %s%s, received %s"):format(post and "" or "GET ", key, quote(head.line))
  end
  references[key] = {
    status = head.status, line = head.line, list = head.list,
    body = compare == "all" and body_text(data, pieces, token) or "",
  }
  return true
end

local function answer(kind, token, bytes, data, closed)
  local head, why = parse_head(data, 1)
  while head and head.status < 200 and head.status ~= 101 do head, why = parse_head(data, head.body) end
  if not head then
    if head == nil then return 0 end
    return nil, why
  end
  local right
  right, why = check_token(head, token)
  if not right then return nil, why end
  local pieces, stop = parse_body(data, head, closed)
  if pieces == nil then return 0, stop end
  if not pieces then return nil, stop end
  local key = (kind == "body" and "POST " or "") .. target(kind, bytes)
  local reference = references[key]
  if reference then
    right, why = check_learned(reference, head, data, pieces, token)
  else
    right, why = learn(key, head, data, pieces, token)
  end
  if not right then return nil, why end
  return stop
end

-- A server of HTTP/1.0 closes unless it says otherwise, one of 1.1 if it says so.
local function closes(data)
  local head = parse_head(data, 1)
  while head and head.status < 200 and head.status ~= 101 do head = parse_head(data, head.body) end
  if not head then return false end
  local words = "," .. (head.headers["connection"] or ""):lower():gsub("%s", "") .. ","
  if words:find(",close,", 1, true) then return true end
  return head.version == "0" and not words:find(",keep-alive,", 1, true)
end

return protocol {
  "http",
  doc = "HTTP/1.1, GET; the first right answer is what all others are compared with",
  offers = { "protocol", "partial", "big", "keepalive", "half-close", "body", pipeline == "yes" and "pipeline" or nil },
  request = request,
  answer = answer,
  closes = closes,
}
