-- SPDX-License-Identifier: MIT
-- The phases of a connection, shared by every fault: each function gives peers whose connections are there, and the target
-- knows it.
local phases = {}

local PEERS = 3
-- With the small buffers of lib.buffers much more than kernel and server can swallow.
local BIG = 1024 * 1024

phases.big = BIG

-- Runs each(peer) for every peer at once, and waits for all of them.
function phases.all(t, peers, each)
  for _, peer in ipairs(peers) do t:spawn(each, peer) end
  t:join()
end

-- Where the target speaks first a peer reads that much, before it says anything and before it stops reading.
local function greet(t, peer, reading)
  t:until_greeted(peer)
  if not reading then peer:try("stall") end
end

-- A target that asked for TCP_DEFER_ACCEPT is given connections only once they have said something: that is waited for once.
local silent_too = true

-- With a time-out of a second in that option they are taken after all: patience, for the later ones of many, ends before.
local function accepted(t, peer, patience)
  if silent_too and not t:until_accepted(peer, { patience = patience }) then
    silent_too = false
    t:note(peer:name() .. " is not accepted yet: from now on only connections that have asked are waited for")
  end
end

-- A few at a time, so that a backlog of five is enough.
function phases.connect(t, options, count)
  local peers, few = {}, 4
  local greets, reading = t.protocol.offers.greets, not options or options.reading ~= false
  if greets and not reading then options = { receive_buffer = options.receive_buffer, name = options.name } end
  for i = 1, count or PEERS do
    peers[i] = t:open(options)
    if i % few == 0 or i == (count or PEERS) then
      for k = i - (i - 1) % few, i do
        if not t:until_connected(peers[k]) then t:broken(peers[k]:name() .. " could not connect") end
        accepted(t, peers[k], k > few and 0.5 or nil)
        if greets then greet(t, peers[k], reading) end
      end
    end
  end
  return peers
end

-- One connection to somebody who may have shut the door for a moment.
function phases.knock(t)
  for _ = 1, 40 do
    local peer = t:connect { try = true }
    if peer then
      accepted(t, peer)
      return peer
    end
    t:wait(0.05)
  end
  t:broken("nobody can connect any more")
end

-- Connected and accepted, nothing said.
function phases.idle(t)
  return phases.connect(t)
end

-- Halfway through the head of a request; the target has read that half.
function phases.mid_request(t)
  local peers = phases.connect(t)
  for _, peer in ipairs(peers) do peer:request { partial = true } end
  for _, peer in ipairs(peers) do t:until_read(peer) end
  return peers
end

-- A whole request is sent (two by the second peer, where requests may follow each other, and more than one read takes by the
-- last, so that the target goes on writing behind the end): the fault comes right behind it, while the target has not even looked.
-- options are those of t:connect; corked peers' requests and FIN come in one piece, so that no target sees one without the other.
-- Returns those the fault could come from: a target that closes behind its answer may have ended one that asked for more.
function phases.after_request(t, fault, options)
  local peers, struck = phases.connect(t, options), {}
  for i, peer in ipairs(peers) do
    if i == #peers then
      phases.ask_much(t, peer)
    else
      for _ = 1, t.protocol.offers.pipeline and i or 1 do peer:request() end
    end
    if not peer:ended() then
      fault(peer)
      struck[#struck + 1] = peer
    end
  end
  if #struck == 0 then t:skip("the target ended every connection before the fault") end
  return struck
end

-- One whole exchange, and the connection is kept.
function phases.keepalive(t, options)
  local peers = phases.connect(t, options)
  for _, peer in ipairs(peers) do
    peer:request()
    peer:answer()
  end
  t:until_asleep()
  for _, peer in ipairs(peers) do
    if not peer:alive() then t:skip("the target closes every connection after its answer") end
  end
  return peers
end

-- Whether the target has big answers; http servers of strangers may not (-D big=/PATH names one).
function phases.has_big(t)
  if not t.protocol.offers.big then return false end
  local peer = t:connect()
  peer:request { big = BIG }
  local right, size = peer:answer { timeout = 5 }
  peer:try("fin")
  return right and size >= BIG / 2
end

-- Makes the target write to a stalled peer until it cannot write any more: with one big answer, or with many small ones.
-- In steps it has read all that was sent: a peer with a request still on its way could not have its FIN heard.
local function stuff(t, peer, big, steps)
  if steps and big and t.protocol.name == "echo" then
    peer:request { big = 49152 }
    for _ = 1, 12 do
      if t:until_blocked(peer, { patience = 0.2 }) then return true end
      peer:request { big = 8192 }
    end
  end
  if big then
    peer:request { big = BIG }
    return t:until_blocked(peer)
  end
  if not t.protocol.offers.pipeline then return false end
  for round = 1, 30 do
    for _ = 1, 40 do peer:request() end
    -- A failed write shows at once, one that waits for OUT before it tries only in time.
    if t:until_blocked(peer, { patience = round % 10 == 0 and 0.35 or 0.05 }) then return true end
    phases.hold(t, 1) -- a slow target is not flooded: others must be served meanwhile
  end
  return false
end

-- Makes the target write to peers that do not read, until it cannot write to them any further.
function phases.block(t, peers, big, steps)
  for _, peer in ipairs(peers) do
    if not stuff(t, peer, big, steps) then
      if t:until_closed(peer, { patience = 0 }) then
        peer:try("resume")
        phases.answers(t, peer) -- whether it ended inside an answer is for the rules to see
        t:skip("the target ended the connection before it was blocked")
      end
      if big then t:broken("the target was never blocked by " .. peer:name()) end
      t:skip("no answer is big enough to block the target (-D big=/PATH names one)")
    end
  end
  return peers
end

-- In the middle of an answer: the peer does not read, and the target cannot write any further (steps: while it has read all
-- that was asked).
function phases.mid_response(t, count, steps)
  local big = phases.has_big(t)
  return phases.block(t, phases.connect(t, { reading = false, receive_buffer = 4096 }, count), big, steps)
end

-- Peers that were blocked read again, and get all that is owed to them.
function phases.unblock(t, peers)
  phases.all(t, peers, function(peer)
    peer:resume()
    if not phases.answers(t, peer) and not peer:ended() then t:fail(peer:name() .. " was not answered") end
    phases.hold(t, 3) -- written out and idle: who still asks for OUT spins now
    peer:try("fin")
    t:expect_closed(peer)
  end)
end

-- Whoever turns has the time to show it, however slow the machine, and nobody asks meanwhile; at once where nobody does.
function phases.rest(t)
  t:canary_rest()
  t:until_asleep { patience = 1.5 }
  t:canary_run()
end

-- Peers send an urgent byte each, the canary is served meanwhile, and they go.
function phases.urgent(t, peers)
  for _, peer in ipairs(peers) do peer:oob() end
  t:until_served(4)
  phases.rest(t)
  phases.all(t, peers, function(peer)
    peer:try("fin")
    t:expect_closed(peer)
  end)
end

-- Opens that many at once; they may be connected, waiting or refused.
function phases.open(t, count)
  local peers = {}
  for i = 1, count do peers[i] = t:open() end
  return peers
end

-- A fault in accept meets a target that sits inside accept only on its next call: more connections take it there. Where the
-- worker that accepts is being replaced, because of the fault before, the next one finds them.
function phases.strike(t, fault, most)
  for _ = 1, most or 10 do
    if fault:delivered() > 0 then return end
    local peer = t:connect { try = true }
    if peer then
      if phases.asks_at_once(t) then peer:request() end -- it may be accepted for that alone
      t:until_accepted(peer, { patience = 0.5 })
      phases.hold(t, 1)
      peer:try("fin")
    end
  end
  for _ = 1, 30 do
    if fault:delivered() > 0 then return end
    t:wait(0.1)
  end
end

local begun = {} -- peer: half a request was sent so that it is accepted

-- Says as little as a target that asked for TCP_DEFER_ACCEPT wants to hear before it is given a connection.
local function begin(t, peer)
  if not t:until_connected(peer, { patience = 0 }) or peer:ended() then return end
  begun[peer] = t.protocol.offers.partial
  peer:request { partial = begun[peer] }
end

-- Whether the target has taken that connection, and kept it. A handshake that a short queue lost comes again after a second.
-- One that is left waiting is so by a target that has done all it will do: it sleeps, or turns for a second.
local function kept(t, peer)
  local patience = t:until_connected(peer, { patience = 0.2 }) and 0.2 or 1.5
  if not t:until_accepted(peer, { patience = patience }) then
    local done = t:until_asleep { patience = 0.2 }
    if not t:until_accepted(peer, { patience = done and 0 or 1 }) then return false end
  end
  return not t:until_ended(peer, { patience = 0 })
end

-- Opens sixteen more, four at a time so that a short queue has room for them. Returns whether the last of them is kept.
local function crowd(t, peers, asking)
  for i = 1, 16 do
    local peer = t:open { try = true }
    if not peer then t:broken("our own fds ran out before the target's") end
    peers[#peers + 1] = peer
    t:until_connected(peer, { patience = 0.2 })
    if asking then begin(t, peer) end
    if i % 4 == 0 and not kept(t, peer) then return false end
  end
  return true
end

-- Ends the case where fds cannot run out: a target that makes a process of each connection has more with each, and those many
-- processes would starve each other for CPU, and the canary with them.
local function must_shrink(t, was)
  local open, most = t:fds()
  local free = open and most - open or 0
  local still = was.free and free >= was.free and was.still + 1 or 0
  if still == 4 then t:skip("the target has no fewer fds left for more connections: each may have a process of its own") end
  return { free = free, still = still }
end

-- Opens connections until the target takes no more: one is left waiting, or is closed at once. Whether it waits for want of
-- an fd or because it has said nothing yet shows when it begins to ask.
function phases.exhaust(t)
  local peers, asking, left = {}, false, {}
  repeat
    local taken = crowd(t, peers, asking)
    if not taken and not asking and phases.asks_at_once(t) then
      asking = true
      begin(t, peers[#peers])
      taken = kept(t, peers[#peers])
      for i = 1, taken and #peers - 1 or 0 do begin(t, peers[i]) end
    end
    if #peers > 1000 then t:skip("a thousand connections do not use up the target's fds") end
    left = taken and must_shrink(t, left)
  until not taken
  return peers
end

-- For as long as the canary takes to be served n times on its kept connection. Without requests it has nothing to ask there.
function phases.hold(t, n)
  if t.protocol.offers.protocol then t:until_served(n) else t:wait(0.02 * n) end
end

-- A request larger than what one read usually takes: a big one where its size is the request's, else many small ones.
function phases.ask_much(t, peer)
  local offers = t.protocol.offers
  if not offers.protocol then return end
  if t.protocol.name == "echo" then
    peer:request { big = 65536 }
  else
    for _ = 1, offers.pipeline and 40 or 1 do peer:request() end
  end
end

-- All answers owed to a peer. One that does not come, or stands still, is the target's fault; one that is cut is judged by the
-- rules.
function phases.answers(t, peer)
  -- A handshake that a short backlog lost comes seconds late, or never: of that the target knows nothing.
  if not t:until_accepted(peer, { patience = 3 }) then return false end
  local hint, together = "", t.protocol.name == "http" and peer:owed() > 1
  while peer:owed() > 0 do
    local right, why = peer:answer { timeout = 5 }
    if why == "timeout" then
      t:fail(peer:name() .. " was accepted, but the answer to its request does not begin" .. hint)
    end
    if together then hint = " (it was sent with the one before; if the target takes one at a time: -D pipeline=no)" end
    if why == "stopped" then t:fail(peer:name() .. " reads, but the rest of its answer does not come") end
    if not right then return false end
  end
  return true
end

-- One whole exchange, where the protocol has any and the target has not ended the connection.
function phases.exchange(t, peer)
  if not t.protocol.offers.protocol or peer:ended() or not peer:alive() then return true end
  t:until_greeted(peer)
  if begun[peer] then
    begun[peer] = nil
    peer:complete()
  else
    peer:request()
  end
  return phases.answers(t, peer)
end

-- Fds are free again. Those who wait must be accepted although nobody connects anew, for a new connection would be the edge
-- that an edge-triggered listener has missed: the canary keeps to what it has. Who is left waiting stays, for the rules to see.
function phases.resume(t, peers)
  local left = false
  phases.all(t, peers, function(peer)
    local taken = t:until_accepted(peer)
    if not taken and phases.asks_at_once(t) then
      peer:request() -- it may be accepted for that alone
      taken = t:until_accepted(peer, { patience = 0.5 })
    end
    if not taken and t:until_connected(peer, { patience = 0 }) then
      left = true
      return
    end
    phases.exchange(t, peer)
    peer:try("fin")
    t:expect_closed(peer)
  end)
  if not left then t:keep_only(false) end
end

-- Whether a peer may ask as soon as it is connected: where the target speaks first, that would be before its turn.
function phases.asks_at_once(t)
  return t.protocol.offers.protocol and not t.protocol.offers.greets
end

return phases
