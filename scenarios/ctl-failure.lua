-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

return scenario {
  "ctl-failure",
  doc = "a connection cannot be added to the epoll set",
  why = [[epoll_ctl gives ENOSPC when the user's watches are used up, ENOMEM when memory is. The connection that cannot be
watched must be closed, not kept where no event will ever reach it; and it is no reason to exit.]],
  needs = { "inject" },
  run = function(t)
    t:canary_rest()
    local delivered = 0
    for _, errno in ipairs { "ENOSPC", "ENOMEM" } do
      local fault = t:fault("epoll_ctl:" .. errno .. ":1")
      local peer = t:connect { try = true }
      if peer then
        t:until_accepted(peer)
        t:until_ended(peer, { patience = 0.3 })
      end
      delivered = delivered + fault:lift()
      if peer then peer:try("fin") end
    end
    if delivered == 0 then t:skip("the target calls no epoll_ctl for a new connection") end
    t:canary_run()
    t:until_served(2)
  end,
}
