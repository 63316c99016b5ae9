-- SPDX-License-Identifier: MIT
local phases = use "lib.phases"

local HELD = "delay=20ms"

-- Until the call is held back: what the peer does then comes between what the kernel reported and what the target does about it.
local function between(t, fault, act)
  local held = t:until_delivered(fault, { patience = 0.5 })
  act()
  return held
end

local function leave(t, peer)
  peer:try("fin")
  t:expect_closed(peer)
end

-- The rest of a request comes while the first half is about to be read.
local function more_meanwhile(t, peer)
  local fault = t:fault("@read:" .. HELD .. ":1", peer)
  peer:request { partial = true }
  between(t, fault, function() peer:complete() end)
  phases.answers(t, peer)
  phases.exchange(t, peer)
  leave(t, peer)
  return fault:lift()
end

-- The peer is gone when the target reads, or writes, what it was told to.
local function gone_meanwhile(class, act)
  return function(t, peer)
    local fault = t:fault("@" .. class .. ":" .. HELD .. ":1", peer)
    peer:request()
    between(t, fault, function() peer:try(act) end)
    t:expect_closed(peer)
    return fault:lift()
  end
end

local function reset_before_accept(t)
  local fault = t:fault("@accept:" .. HELD .. ":1")
  local peer = t:open()
  t:until_connected(peer)
  between(t, fault, function() peer:try("reset") end)
  phases.strike(t, fault) -- who sits inside accept meets it at his next call
  return fault:lift()
end

return scenario {
  "slow-calls",
  doc = "single calls take 20 ms, and the peer moves on between the report and the call",
  why = [[A thread may lose the CPU, or a call may take its time, at any place: what epoll reported is history by then. More has
arrived, the peer has reset, the handshake in the queue is dead. The call says what is true now, and only that connection
is concerned: nobody else waits longer than the call took, and nothing is lost.]],
  needs = { "protocol", "inject" },
  run = function(t)
    local delivered = reset_before_accept(t)
    local acts = { gone_meanwhile("read", "reset"), gone_meanwhile("write", "reset"), gone_meanwhile("write", "fin") }
    if t.protocol.offers.partial then acts[#acts + 1] = more_meanwhile end
    for _, act in ipairs(acts) do
      delivered = delivered + act(t, phases.connect(t, nil, 1)[1])
      t:until_served(1)
    end
    if delivered == 0 then t:skip("the target neither accepts, reads nor writes by calls that could be held back") end
    t:note(("%d calls were held back"):format(delivered))
    t:until_served(2)
  end,
}
