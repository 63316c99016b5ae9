/* SPDX-License-Identifier: MIT */
/* t:until_…, t:expect_mask, t:expect_closed, t:wait, t:join. */
#include <errno.h>
#include <string.h>
#include "base/names.h"
#include "script/peer_api.h"
#include "script/scenario_api.h"
#include "script/waits.h"

#define MASK_PATIENCE	 0.5
#define SETTLED_PATIENCE 0.02
#define FOR_EVER	 3600.0

double patience_read(lua_State *L, int index, double otherwise)
{
	if (lua_isnoneornil(L, index))
		return otherwise;
	luaL_checktype(L, index, LUA_TTABLE);
	lua_pushnil(L);
	for (; lua_next(L, index); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "patience") != 0)
			luaL_error(L, "the only option is patience");
		if (lua_type(L, -1) != LUA_TNUMBER || !(lua_tonumber(L, -1) >= 0))
			luaL_error(L, "patience must be a number of seconds");
		otherwise = lua_tonumber(L, -1);
	}
	return otherwise;
}

static int until_done(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	(void)context;
	lua_pushboolean(L, play_result(L)->result == 1);
	return 1;
}

static int until(lua_State *L, struct script_peer *peer, int options, wait_check check)
{
	struct wait wait = play_waiting(play_of(L), patience_read(L, options, PLAY_PATIENCE));

	wait.check = check;
	wait.peer = peer;
	return play_wait(L, &wait, 0, until_done);
}

static int wait_ended(struct play *play, struct wait *wait)
{
	(void)play;
	return peer_ended(wait->peer->peer);
}

#define UNTIL_PEER(name)                                                                                     \
	static int api_until_##name(lua_State *L)                                                            \
	{                                                                                                    \
		return until(L, peer_api_check(L, 2), 3, wait_##name);                                       \
	}
UNTIL_PEER(accepted)
UNTIL_PEER(read)
UNTIL_PEER(blocked)
UNTIL_PEER(closed)
UNTIL_PEER(ended)

static int api_until_asleep(lua_State *L)
{
	return until(L, NULL, 2, wait_asleep);
}

static int api_until_settled(lua_State *L)
{
	struct wait wait = play_waiting(play_of(L), patience_read(L, 2, SETTLED_PATIENCE));

	wait.check = wait_settled;
	wait.pause = true; /* a server that does nothing about it is no waste of time */
	return play_wait(L, &wait, 0, until_done);
}

static int api_until_gone(lua_State *L)
{
	return until(L, NULL, 2, wait_gone);
}

static int api_join(lua_State *L)
{
	struct wait wait = play_waiting(play_of(L), FOR_EVER);

	wait.check = wait_joined;
	wait.pause = true;
	return play_wait(L, &wait, 0, until_done);
}

static int api_until_served(lua_State *L)
{
	struct play *play = play_of(L);
	lua_Integer more = luaL_optinteger(L, 2, 1);
	struct wait wait = play_waiting(play, patience_read(L, 3, PLAY_PATIENCE));

	luaL_argcheck(L, more >= 1, 2, "must be 1 or more");
	wait.check = wait_served;
	wait.number = canary_figures(stage_canary(play->stage)).served + (uint64_t)more;
	return play_wait(L, &wait, 0, until_done);
}

static int api_canary_rest(lua_State *L)
{
	canary_pause(stage_canary(play_of(L)->stage));
	return until(L, NULL, 2, wait_resting);
}

static int api_canary_run(lua_State *L)
{
	canary_run(stage_canary(play_of(L)->stage));
	return 0;
}

static int api_wait(lua_State *L)
{
	struct wait wait = play_waiting(play_of(L), luaL_checknumber(L, 2));

	wait.check = wait_never;
	wait.pause = true;
	return play_wait(L, &wait, 0, until_done);
}

static uint32_t mask_read(lua_State *L, int index)
{
	uint32_t mask = 0;

	if (mask_parse(luaL_checkstring(L, index), &mask) < 0)
		luaL_argerror(L, index, "must name events: \"RDHUP ERR HUP\"");
	return mask;
}

static int api_until_reported(lua_State *L)
{
	struct wait wait = play_waiting(play_of(L), patience_read(L, 4, PLAY_PATIENCE));

	wait.check = wait_reported;
	wait.peer = peer_api_check(L, 2);
	wait.mask = mask_read(L, 3);
	return play_wait(L, &wait, 0, until_done);
}

/* Reported after the peer's deed, and yet without the bits: the kernel, or our idea of it, is another than we
 * think. */
static void note_contradiction(struct play *play, const struct wait *wait)
{
	const struct file *file = stage_conn(play->stage, wait->peer->peer);
	const struct peer_view *view = world_peer(stage_world(play->stage), peer_id(wait->peer->peer));
	char expected[MASK_TEXT], reported[MASK_TEXT];
	uint64_t deed = !view ? 0 : view->ended_at ? view->ended_at : view->half_closed_at;

	if (!file || !file->reports || !deed || file->reported_at <= deed)
		return;
	(void)journal_mark(stage_journal(play->stage), MARK_NOTE, "%s: expected %s, the last report was %s",
			   peer_name(wait->peer->peer),
			   mask_short(mask_possible(file, wait->mask), expected, sizeof(expected)),
			   mask_short(file->reported, reported, sizeof(reported)));
}

static int mask_done(lua_State *L, int status, lua_KContext context)
{
	struct wait *wait = play_result(L);

	(void)status;
	(void)context;
	if (wait->result != 1)
		note_contradiction(play_of(L), wait);
	lua_pushboolean(L, wait->result == 1);
	return 1;
}

static int api_expect_mask(lua_State *L)
{
	struct wait wait = play_waiting(play_of(L), patience_read(L, 4, MASK_PATIENCE));

	wait.check = wait_mask;
	wait.peer = peer_api_check(L, 2);
	wait.mask = mask_read(L, 3);
	return play_wait(L, &wait, 0, mask_done);
}

const luaL_Reg wait_methods[] = {
    {"until_accepted", api_until_accepted},
    {"until_read", api_until_read},
    {"until_blocked", api_until_blocked},
    {"until_closed", api_until_closed},
    {"expect_closed", api_until_closed},
    {"until_ended", api_until_ended},
    {"until_reported", api_until_reported},
    {"until_asleep", api_until_asleep},
    {"until_settled", api_until_settled},
    {"until_served", api_until_served},
    {"until_gone", api_until_gone},
    {"expect_mask", api_expect_mask},
    {"canary_rest", api_canary_rest},
    {"canary_run", api_canary_run},
    {"wait", api_wait},
    {"join", api_join},
    {NULL, NULL},
};
