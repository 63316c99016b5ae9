-- SPDX-License-Identifier: MIT
-- beanstalkd: `use NAME` makes that tube the connection's, and answers with its name.
return protocol {
  "beanstalkd",
  doc = "beanstalkd's `use`, answered with the tube's name",
  offers = { "protocol", "partial", "keepalive", "pipeline", "token", "half-close" },
  request = function(kind, token)
    if kind == "big" or kind == "body" then return nil end
    return "use " .. token .. "\r\n"
  end,
  answer = function(_, token, _, data)
    local wanted = "USING " .. token .. "\r\n"
    local received = data:sub(1, #wanted)
    if received == wanted then return #wanted end
    if received == wanted:sub(1, #received) then return 0, #wanted end
    return nil, ("expected %s, received %s"):format(quote(wanted), quote(received))
  end,
}
