/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * The `t` of a scenario's run(t). Seconds are scaled by --time-scale. What waits gives other coroutines their turn.
 *
 * Connections
 *   t:connect{name=, reading=, receive_buffer=, corked=, try=}
 *                             waits until connected (and greeted, where the target speaks first); the peer, see
 *                             peer_api.h. reading=false: stalled from the start. A target that refuses fails the
 *                             scenario, other failures are broken; with try=true: nil and the errno's name
 *   t:open{…}                 the same without waiting
 *   t:spawn(f, …)             runs f(…) beside this; t:join() waits for all spawned ones, as the end of run does
 *   t.protocol.name           t.protocol.offers.partial …     t.protocol.request{…}: a request's bytes, its token
 *
 * Waiting. All take {patience=S} at the end (2 s) and return true, or false when it came to nothing: that is not a
 * failure, the rules judge what the journal shows.
 *   t:until_connected(peer)
 *   t:until_greeted(peer)     it has said its greeting, where it speaks first
 *   t:until_accepted(peer)    the target has accepted it
 *   t:until_read(peer)        it has read all bytes this peer sent
 *   t:until_blocked(peer)     it cannot write to this peer any further
 *   t:until_closed(peer)      it let go of the fd; t:expect_closed(peer) is another name
 *   t:until_ended(peer)       its FIN or RST arrived at the peer
 *   t:until_reported(peer, "RDHUP ERR")     the kernel told it so, some time or other
 *   t:until_asleep()          all its threads wait
 *   t:until_served(n)         n more right answers for the canary
 *   t:until_gone()            the target is dead
 *   t:expect_mask(peer, "RDHUP ERR HUP")    whether the last report for it shows those of the bits its registration
 *                             asked for (ERR and HUP always count); a report that contradicts is noted in the journal
 *   t:wait(seconds)           only where time itself is the subject; always true in the end
 *
 * Faults
 *   t:fault("accept4:EMFILE:1..40"[, peer]) arms. The handle's :lift() stops it and says how often it struck,
 *                             :delivered() says so at any time, :text() is the fault as text. @read and @write strike
 *                             accepted connections only; with a peer only its own is struck
 *   t:until_delivered(handle) it has struck
 *   t:expect_delivered(handle)              lifts it; never delivered is broken
 *   t:limit_fds(spare)        t:limit_restore()      RLIMIT_NOFILE of the running target
 *   t:signal("STOP")          to all its processes
 *   t:keep_only(bool)         at the fd limit: the canary asks on its kept connection only
 *   t:canary_rest()           waits until the canary rests, for a fault that must not hit it; t:canary_run()
 *
 * The end, and what is known
 *   t:fail(why)               the target is wrong
 *   t:broken(why)             we are
 *   t:skip(why)               it cannot be tried here
 *   t:note(text)              for the time line
 *   t:sample(round, peers)    a round (0 …) with so many peers is over and gone: for fd-growth
 *   t:fds()                   of the target, nil when it is dead; and what the limits of its processes add up to
 *   t:fd_limit()              of its first process, nil when it is dead
 *   t:random(n)               1 … n, from the seed
 *   t:setting(name, otherwise)              -D name=value
 *   t.scale                   --time-scale
 */
/* clang-format on */
#ifndef WRINGER_SCRIPT_SCENARIO_API_H
#define WRINGER_SCRIPT_SCENARIO_API_H

#include "script/play.h"

/* Makes the types, and leaves a new `t` on the stack. Raises. */
void scenario_api_push(lua_State *L, struct play *play);

/* Parts of t, each in a file of its own. */
extern const luaL_Reg connect_methods[], wait_methods[], fault_methods[], hoard_methods[];
/* The patience= of an options table at index, or otherwise; anything else raises. */
double patience_read(lua_State *L, int index, double otherwise);
/* Makes the fault handle's metatable. Raises. */
void fault_api_open(lua_State *L);
void hoard_api_open(lua_State *L);

#endif
