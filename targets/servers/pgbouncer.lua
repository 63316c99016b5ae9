-- SPDX-License-Identifier: MIT
-- The first words of a PostgreSQL client: may we go on by TLS? A server without it answers N, and waits for what comes next.
local SSL_REQUEST = string.pack(">I4I4", 8, 80877103)

return protocol {
  "pgbouncer",
  doc = "PostgreSQL's SSLRequest, answered with N",
  offers = { "protocol", "partial", "keepalive" },
  request = function(kind)
    if kind == "big" or kind == "body" then return nil end
    return SSL_REQUEST
  end,
  answer = function(_, _, _, data)
    if #data < 1 then return 0, 1 end
    if data:sub(1, 1) == "N" then return 1 end
    return nil, "expected N, received " .. quote(data:sub(1, 80))
  end,
}
