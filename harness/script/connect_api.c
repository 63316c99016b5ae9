/* SPDX-License-Identifier: MIT */
/* t:connect, t:open, t:until_connected. */
#include <errno.h>
#include <string.h>
#include "base/names.h"
#include "script/exchange.h"
#include "script/peer_api.h"
#include "script/scenario_api.h"

struct connect_spec {
	struct peer_options peer;
	bool try;
};

static void read_name(lua_State *L, struct connect_spec *spec)
{
	spec->peer.name = luaL_checkstring(L, -1); /* the table keeps it alive */
	if (!*spec->peer.name || strlen(spec->peer.name) > 15)
		luaL_error(L, "a peer's name has 1 to 15 characters");
}

static void read_reading(lua_State *L, struct connect_spec *spec)
{
	spec->peer.reading = lua_toboolean(L, -1);
}

static void read_receive_buffer(lua_State *L, struct connect_spec *spec)
{
	if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > 1 << 30)
		luaL_error(L, "receive_buffer must be a number of bytes");
	spec->peer.receive_buffer = (int)lua_tointeger(L, -1);
}

static void read_corked(lua_State *L, struct connect_spec *spec)
{
	spec->peer.corked = lua_toboolean(L, -1);
}

static void read_try(lua_State *L, struct connect_spec *spec)
{
	spec->try = lua_toboolean(L, -1);
}

static const struct connect_row {
	const char *key;
	void (*read)(lua_State *L, struct connect_spec *spec);
} connect_rows[] = {
    {"name", read_name},     {"reading", read_reading}, {"receive_buffer", read_receive_buffer},
    {"corked", read_corked}, {"try", read_try},
};

static void connect_key(lua_State *L, const char *key, struct connect_spec *spec)
{
	for (size_t i = 0; i < sizeof(connect_rows) / sizeof(*connect_rows); i++)
		if (strcmp(connect_rows[i].key, key) == 0) {
			connect_rows[i].read(L, spec);
			return;
		}
	luaL_error(L,
		   "a connection has no option \"%s\" (there are name, reading, receive_buffer, corked, try)",
		   key);
}

static void connect_read(lua_State *L, int index, struct connect_spec *spec)
{
	*spec = (struct connect_spec){.peer.reading = true};
	if (lua_isnoneornil(L, index))
		return;
	luaL_checktype(L, index, LUA_TTABLE);
	lua_pushnil(L);
	for (; lua_next(L, index); lua_pop(L, 1))
		connect_key(L, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2),
			    spec);
}

static int connect_nothing(lua_State *L, int code)
{
	lua_pushnil(L);
	lua_pushstring(L, errno_name(code));
	return 2;
}

/* A healthy target was asked a moment ago: that it refuses now is its own doing, unless it is about to die.
 */
static int connect_failed(lua_State *L, const char *name, int code)
{
	const char *spelt = errno_name(code);

	play_of(L)->blames_target = code == -ECONNREFUSED;
	return play_undelivered(L, "%s could not connect: %s", name, spelt ? spelt : "no answer in time");
}

/* Leaves the peer object on the stack, or returns the failure's results in *ret_results. */
static struct script_peer *open_peer(lua_State *L, const struct connect_spec *spec, int *ret_results)
{
	struct play *play = play_of(L);
	struct peer *peer = NULL;
	struct error error = {0};
	int code = stage_connect(play->stage, &spec->peer, &peer, &error);

	if (code == 0)
		return peer_api_push(L, peer);
	*ret_results = spec->try ? connect_nothing(L, code) : play_undelivered(L, "%s", error.text);
	return NULL;
}

static int connected_check(struct play *play, struct wait *wait)
{
	const struct peer *peer = wait->peer->peer;

	(void)play;
	if (peer_state(peer) == PEER_CONNECTING)
		return 0;
	if (peer_state(peer) == PEER_FAILED)
		return peer_error(peer) ? -peer_error(peer) : -ECONNREFUSED;
	return wait->number ? greeting_take(wait->peer) : 1;
}

static struct wait connected_wait(struct script_peer *peer, bool greeted, double patience)
{
	struct wait wait = play_waiting(peer->play, patience);

	wait.check = connected_check;
	wait.peer = peer;
	wait.number = greeted;
	return wait;
}

/* The context says whether failure is an answer. */
static int connect_done(lua_State *L, int status, lua_KContext try)
{
	struct wait *wait = play_result(L);
	int code = wait->result ? wait->result : -ETIMEDOUT;

	(void)status;
	if (wait->result == 1)
		return 1;
	if (wait->result == -EBADMSG || wait->result == -EIO)
		return answer_wrong(L, wait->peer, wait->result);
	return try ? connect_nothing(L, code) : connect_failed(L, peer_name(wait->peer->peer), code);
}

static int api_connect(lua_State *L)
{
	struct connect_spec spec;
	int results;

	connect_read(L, 2, &spec);
	struct script_peer *peer = open_peer(L, &spec, &results);
	if (!peer)
		return results;
	struct wait wait = connected_wait(peer, spec.peer.reading, PLAY_PATIENCE);
	return play_wait(L, &wait, spec.try, connect_done);
}

static int api_open(lua_State *L)
{
	struct connect_spec spec;
	int results;

	connect_read(L, 2, &spec);
	return open_peer(L, &spec, &results) ? 1 : results;
}

static int until_done(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	(void)context;
	lua_pushboolean(L, play_result(L)->result == 1);
	return 1;
}

/* Greeted, where the target speaks first; else connected. */
static int greeted_done(lua_State *L, int status, lua_KContext context)
{
	struct wait *wait = play_result(L);

	if (wait->result == -EBADMSG || wait->result == -EIO)
		return answer_wrong(L, wait->peer, wait->result);
	return until_done(L, status, context);
}

static int api_until_greeted(lua_State *L)
{
	struct wait wait = connected_wait(peer_api_check(L, 2), true, patience_read(L, 3, PLAY_PATIENCE));

	return play_wait(L, &wait, 0, greeted_done);
}

static int api_until_connected(lua_State *L)
{
	struct wait wait = connected_wait(peer_api_check(L, 2), false, patience_read(L, 3, PLAY_PATIENCE));

	return play_wait(L, &wait, 0, until_done);
}

const luaL_Reg connect_methods[] = {
    {"connect", api_connect},
    {"open", api_open},
    {"until_connected", api_until_connected},
    {"until_greeted", api_until_greeted},
    {NULL, NULL},
};
