/* SPDX-License-Identifier: MIT */
#include "script/scenario_api.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "script/exchange.h"
#include "script/peer_api.h"
#include "script/scenario_file.h"

/* fail, broken, skip: upvalue 1 says which. */
enum said { SAID_FAIL, SAID_BROKEN, SAID_SKIP };

static int api_say(lua_State *L)
{
	struct stage *stage = play_of(L)->stage;
	char why[ERROR_TEXT];

	(void)snprintf(why, sizeof(why), "%s", luaL_checkstring(L, 2));
	text_flatten(why);
	switch ((enum said)lua_tointeger(L, lua_upvalueindex(1))) {
	case SAID_FAIL:
		return play_over(L, stage_fail(stage, "%s", why));
	case SAID_BROKEN:
		return play_undelivered(L, "%s", why);
	case SAID_SKIP:
		return play_over(L, stage_skip(stage, "%s", why));
	}
	return 0;
}

static int api_note(lua_State *L)
{
	(void)journal_mark(stage_journal(play_of(L)->stage), MARK_NOTE, "%s", luaL_checkstring(L, 2));
	return 0;
}

static int64_t open_fds(struct play *play)
{
	return target_fds(stage_target(play->stage), stage_world(play->stage));
}

/* Dead targets have no fds: whoever asks is told nothing, and the play ends with the next wait. */
static int api_fds(lua_State *L)
{
	struct play *play = play_of(L);
	int64_t fds = open_fds(play),
		most = target_fds_most(stage_target(play->stage), stage_world(play->stage));

	if (fds < 0)
		return 0;
	lua_pushinteger(L, fds);
	lua_pushinteger(L, most < 0 ? INT64_MAX : most);
	return 2;
}

static int api_fd_limit(lua_State *L)
{
	int64_t limit = target_fd_limit(stage_target(play_of(L)->stage), 0);

	if (limit < 0)
		return 0;
	lua_pushinteger(L, limit);
	return 1;
}

static int api_sample(lua_State *L)
{
	struct play *play = play_of(L);
	struct event event = event_make(EV_MARK, MARK_SAMPLE);
	int64_t fds = open_fds(play);

	event.arg[0] = (uint64_t)luaL_checkinteger(L, 2);
	event.arg[1] = (uint64_t)luaL_checkinteger(L, 3);
	event.arg[2] = (uint64_t)fds;
	if (fds >= 0)
		(void)journal_append(stage_journal(play->stage), &event);
	lua_pushboolean(L, fds >= 0);
	return 1;
}

/* What the kernel says of the target now, in the middle of things: a round of probes. */
static int api_probe(lua_State *L)
{
	struct play *play = play_of(L);

	lua_pushboolean(L, target_probe(stage_target(play->stage), stage_world(play->stage)) >= 0);
	return 1;
}

static int api_random(lua_State *L)
{
	lua_Integer bound = luaL_checkinteger(L, 2);

	luaL_argcheck(L, bound >= 1, 2, "must be 1 or more");
	lua_pushinteger(L, 1 + (lua_Integer)rng_below(stage_rng(play_of(L)->stage), (uint64_t)bound));
	return 1;
}

static int api_setting(lua_State *L)
{
	const char *value = stage_setting(play_of(L)->stage, luaL_checkstring(L, 2));

	lua_settop(L, 3);
	if (value)
		lua_pushstring(L, value);
	return 1;
}

static int api_spawn(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	play_spawn(L, lua_gettop(L) - 2);
	return 0;
}

static const luaL_Reg plain_methods[] = {
    {"note", api_note},	    {"fds", api_fds},	    {"fd_limit", api_fd_limit},
    {"sample", api_sample}, {"random", api_random}, {"setting", api_setting},
    {"spawn", api_spawn},   {"probe", api_probe},   {NULL, NULL},
};

/* t.protocol.request{…} */
static int protocol_request(lua_State *L)
{
	struct request_spec spec;
	struct buf bytes = {0};

	lua_settop(L, 1);
	request_spec_read(L, 1, &spec);
	request_build(L, &spec, &bytes);
	lua_pushlstring(L, bytes.data, spec.partial ? request_half(bytes.size) : bytes.size);
	buf_free(&bytes);
	lua_pushstring(L, spec.token);
	return 2;
}

static void push_protocol(lua_State *L, const struct protocol *protocol)
{
	const char *word;
	size_t at = 0;
	uint32_t offer;

	lua_newtable(L);
	lua_pushstring(L, protocol->name);
	lua_setfield(L, -2, "name");
	lua_pushcfunction(L, protocol_request);
	lua_setfield(L, -2, "request");
	lua_newtable(L);
	while ((word = need_next_offer(&at, &offer))) {
		lua_pushboolean(L, (protocol->offers & offer) == offer);
		lua_setfield(L, -2, word);
	}
	lua_setfield(L, -2, "offers");
}

static void push_methods(lua_State *L)
{
	static const char *const sayings[] = {
	    [SAID_FAIL] = "fail", [SAID_BROKEN] = "broken", [SAID_SKIP] = "skip"};

	luaL_newlib(L, plain_methods);
	luaL_setfuncs(L, connect_methods, 0);
	luaL_setfuncs(L, wait_methods, 0);
	luaL_setfuncs(L, fault_methods, 0);
	luaL_setfuncs(L, hoard_methods, 0);
	for (size_t i = 0; i < sizeof(sayings) / sizeof(*sayings); i++) {
		lua_pushinteger(L, (lua_Integer)i);
		lua_pushcclosure(L, api_say, 1);
		lua_setfield(L, -2, sayings[i]);
	}
}

void scenario_api_push(lua_State *L, struct play *play)
{
	peer_api_open(L);
	fault_api_open(L);
	hoard_api_open(L);
	push_methods(L);
	push_protocol(L, stage_protocol(play->stage));
	lua_setfield(L, -2, "protocol");
	lua_pushnumber(L, clock_seconds(stage_window(play->stage, NS_PER_S)));
	lua_setfield(L, -2, "scale");
}
