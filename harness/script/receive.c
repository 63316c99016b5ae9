/* SPDX-License-Identifier: MIT */
/* peer:recv and peer:recv_some: bytes as they come, for scenarios that know better than the protocol. */
#include <errno.h>
#include "script/exchange.h"

static int bytes_check(struct play *play, struct wait *wait)
{
	(void)play;
	if (peer_inbox(wait->peer->peer)->size >= (wait->number ? wait->number : 1))
		return 1;
	return peer_ended(wait->peer->peer) ? -ENOTCONN : 0;
}

static int bytes_done(lua_State *L, int status, lua_KContext context)
{
	struct wait *wait = play_result(L);
	struct buf *inbox = peer_inbox(wait->peer->peer);
	size_t size = wait->number ? (size_t)wait->number : inbox->size;

	(void)status;
	(void)context;
	if (wait->result != 1)
		return exchange_no(L, wait->result ? "closed" : "timeout");
	lua_pushlstring(L, inbox->data, size);
	buf_consume(inbox, size);
	return 1;
}

static int receive(lua_State *L, uint64_t size, double patience)
{
	struct wait wait = play_waiting(play_of(L), patience);

	wait.check = bytes_check;
	wait.peer = peer_api_check(L, 1);
	wait.number = size;
	return play_wait(L, &wait, 0, bytes_done);
}

int exchange_recv(lua_State *L)
{
	lua_Integer size = luaL_checkinteger(L, 2);

	luaL_argcheck(L, size > 0, 2, "bytes to wait for");
	return receive(L, (uint64_t)size, timeout_read(L, 3, PLAY_PATIENCE));
}

int exchange_recv_some(lua_State *L)
{
	return receive(L, 0, timeout_read(L, 2, PLAY_PATIENCE));
}
