/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * The peer object of a scenario. Its methods (what cannot be done is `broken`, unless asked through try):
 *
 *   peer:send(bytes)          queues and sends
 *   peer:request{…}           a request built by the protocol; its answer is owed. Returns the token.
 *                             {} a small one, {last=true} asks the target to close after it, {big=N} its answer has
 *                             N bytes, {partial=true} only the first half of a small one, {token="…"}
 *   peer:complete()           the other half
 *   peer:owe{…}               what was sent by hand until now was such a request (with that token): its answer is owed
 *   peer:owed()               how many answers are owed
 *   peer:answer{timeout=S}    waits (3 s) for the whole right answer of the oldest request owed: true, bytes. A wrong
 *                             one fails the scenario. Else nil and
 *                               "cut"         the connection ended inside it
 *                               "unanswered"  the connection ended before it
 *                               "unsent"      the connection ended before the whole request was sent
 *                               "stopped"     patience ended inside it; it goes on being owed
 *                               "timeout"     patience ended before it; it goes on being owed
 *   peer:drip(what, S)        sends byte by byte, S seconds (5 ms) between; what: bytes, or a table as for request.
 *                             true, or nil, "closed" when the connection ended first
 *                               "hurried"     an impatient play did not wait long enough to tell
 *   peer:recv(n, {timeout=S}) exactly n bytes; nil, "closed" or "timeout"
 *   peer:recv_some{timeout=S} what there is, at least a byte
 *   peer:fin() peer:half_close() peer:reset() peer:vanish() peer:stall() peer:resume() peer:oob()
 *                             the faults: see peer/peer.h
 *   peer:close_unread()       waits (2 s) until something has arrived, then closes without reading it
 *   peer:try(METHOD, …)       one of send, fin … oob: true, or nil and the errno's name
 *   peer:alive()              whether both sides are open, or only ours half closed
 *   peer:ended()              whether the target ended it: its FIN was read, or it reset
 *   peer:name() peer:port() peer:sent() peer:received()
 *   peer:drop()               forgets the connection (FIN if it is open); for those who make thousands
 */
/* clang-format on */
#ifndef WRINGER_SCRIPT_PEER_API_H
#define WRINGER_SCRIPT_PEER_API_H

#include "base/buf.h"
#include "script/play.h"

#define TOKEN_SIZE 48

/* A request whose answer is owed. */
struct owed {
	enum request_kind kind;
	char token[TOKEN_SIZE];
	uint64_t bytes;	  /* of a big one */
	uint64_t end;	  /* it is whole once the peer has sent so many bytes */
	uint64_t ordinal; /* 1 … */
	uint64_t at;	  /* clock_now() when it was whole, 0 not yet */
};

struct script_peer {
	struct script_peer *next, *before; /* among the play's */
	struct play *play;
	struct peer *peer;
	struct owed *owed; /* [first, count) */
	size_t first, count, capacity;
	uint64_t requests;
	struct buf rest; /* of a partial request */
	struct owed rest_owed;
	bool greeted;
	uint64_t announced; /* of the answer that is arriving */
	struct buf why;	    /* what is wrong with it */
};

/* Makes the metatable. Raises. */
void peer_api_open(lua_State *L);
/* Wraps a peer of the stage and leaves the object on the stack. Raises. */
struct script_peer *peer_api_push(lua_State *L, struct peer *peer);
/* The peer at an argument; raises for another value or a dropped one. */
struct script_peer *peer_api_check(lua_State *L, int index);

/* Journals the requests that have been sent whole since the last look. */
void peers_follow(struct play *play);
/* Frees what the play knows of its peers; the stage owns them. */
void peers_forget(struct play *play);

#endif
