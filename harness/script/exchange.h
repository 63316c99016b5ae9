/* SPDX-License-Identifier: MIT */
/* Bytes between a scenario's peer and the target: requests that are owed an answer, answers that are checked.
 */
#ifndef WRINGER_SCRIPT_EXCHANGE_H
#define WRINGER_SCRIPT_EXCHANGE_H

#include "script/peer_api.h"

/* The methods request, complete, drip, answer, owed, recv, recv_some. */
extern const luaL_Reg exchange_methods[];

/* A request as a scenario spells it: {partial=, last=, big=, token=}. */
struct request_spec {
	bool partial;
	enum request_kind kind;
	uint64_t bytes;
	char token[TOKEN_SIZE];
};

/* Reads the table at index (none: a small request); an unknown key or a wrong type raises. The token is made
 * up if not given. */
void request_spec_read(lua_State *L, int index, struct request_spec *ret_spec);
/* Builds its bytes, whole; raises when the protocol cannot. ret_bytes must be empty and is the caller's. */
void request_build(lua_State *L, const struct request_spec *spec, struct buf *ret_bytes);
/* How many of its bytes a partial request sends: a proper prefix. */
size_t request_half(size_t size);

/* Takes the greeting out of the inbox if one is due: 1 when nothing is due (any more), 0 not yet, -EBADMSG
 * with peer->why when it is wrong, -ENOTCONN when the target ended instead, or another errno. */
int greeting_take(struct script_peer *peer);
/* What the protocol said of peer->why with code: ends the case, the target's fault with -EBADMSG, else ours.
 */
int answer_wrong(lua_State *L, struct script_peer *peer, int code);

/* Results nil and a reason. */
int exchange_no(lua_State *L, const char *reason);

/* Methods that stand in a file of their own. */
int exchange_recv(lua_State *L);
int exchange_recv_some(lua_State *L);

/* The timeout= of an options table at index, or otherwise; an unknown key raises. */
double timeout_read(lua_State *L, int index, double otherwise);

#endif
