-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "accept-errors",
  doc = "accept fails once with each of the errnos that pass by themselves",
  why = [[accept(2) lists errors that belong to one connection, or to this moment. None of them is a reason to exit, to
stop listening, or to give up on the connections behind it.]],
  needs = { "inject" },
  run = function(t)
    local errnos = { "ECONNABORTED", "EINTR", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "EPERM", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM" }
    for _, errno in ipairs(errnos) do
      local old = phases.knock(t) -- some stop listening for a moment after the errno before
      local fault = t:fault("@accept:" .. errno .. ":1")
      local peer = t:connect()
      t:until_accepted(peer, { patience = 0.5 })
      phases.strike(t, fault)
      t:expect_delivered(fault)
      old:try("fin") -- some open their door again only once a connection closes
      phases.exchange(t, peer)
      peer:try("fin")
    end
  end,
}
