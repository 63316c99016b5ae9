/* SPDX-License-Identifier: MIT */
#include "script/peer_api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/names.h"
#include "script/exchange.h"

#define PEER_TYPE "wringer.peer"

struct script_peer *peer_api_push(lua_State *L, struct peer *peer)
{
	struct play *play = play_of(L);
	struct script_peer **object = lua_newuserdatauv(L, sizeof(*object), 0);
	struct script_peer *made = calloc(1, sizeof(*made));

	if (!made)
		luaL_error(L, "out of memory");
	*made = (struct script_peer){.next = play->peers, .play = play, .peer = peer};
	if (made->next)
		made->next->before = made;
	play->peers = made;
	*object = made;
	luaL_setmetatable(L, PEER_TYPE);
	return made;
}

struct script_peer *peer_api_check(lua_State *L, int index)
{
	struct script_peer *peer = *(struct script_peer **)luaL_checkudata(L, index, PEER_TYPE);

	if (!peer)
		luaL_argerror(L, index, "this peer was dropped");
	return peer;
}

/* The Lua object must not lead to it any more. */
static void peer_forget(struct script_peer *peer)
{
	if (peer->before)
		peer->before->next = peer->next;
	else
		peer->play->peers = peer->next;
	if (peer->next)
		peer->next->before = peer->before;
	free(peer->owed);
	buf_free(&peer->rest);
	buf_free(&peer->why);
	free(peer);
}

void peers_forget(struct play *play)
{
	while (play->peers)
		peer_forget(play->peers);
}

/* What may be tried: name and deed. Bytes only for send. */
struct act {
	const char *name;
	int (*act)(struct peer *peer, const char *bytes, size_t size);
};

static int act_send(struct peer *peer, const char *bytes, size_t size)
{
	return peer_send(peer, bytes, size);
}

#define PLAIN_ACT(name, call)                                                                                \
	static int act_##name(struct peer *peer, const char *bytes, size_t size)                             \
	{                                                                                                    \
		(void)bytes;                                                                                 \
		(void)size;                                                                                  \
		return call;                                                                                 \
	}
PLAIN_ACT(fin, peer_fin(peer))
PLAIN_ACT(half_close, peer_half_close(peer))
PLAIN_ACT(reset, peer_reset(peer))
PLAIN_ACT(vanish, peer_vanish(peer))
PLAIN_ACT(stall, peer_stall(peer, true))
PLAIN_ACT(resume, peer_stall(peer, false))
PLAIN_ACT(oob, peer_oob(peer, '!'))
PLAIN_ACT(close_unread, peer_close_unread(peer))

static const struct act acts[] = {
    {"send", act_send},	    {"fin", act_fin},	  {"half_close", act_half_close}, {"reset", act_reset},
    {"vanish", act_vanish}, {"stall", act_stall}, {"resume", act_resume},	  {"oob", act_oob},
};
#define ACTS (sizeof(acts) / sizeof(*acts))
/* A method of its own waits for something to be unread; to try it is to do it now. */
static const struct act unread_act = {"close_unread", act_close_unread};

static const char *state_text(const struct peer *peer)
{
	static const char *const texts[] = {
	    [PEER_CONNECTING] = "it is not connected yet",
	    [PEER_OPEN] = "it is open",
	    [PEER_HALF_CLOSED] = "its own side is shut down",
	    [PEER_TARGET_CLOSED] = "the target closed it first",
	    [PEER_RESET_BY_TARGET] = "the target reset it first",
	    [PEER_FAILED] = "it never connected",
	    [PEER_CLOSED] = "it is closed",
	};

	return texts[peer_state(peer)];
}

static bool ended_by_target(const struct peer *peer)
{
	return peer_state(peer) == PEER_TARGET_CLOSED || peer_state(peer) == PEER_RESET_BY_TARGET;
}

static int act_failed(lua_State *L, const struct script_peer *peer, const char *name, int code)
{
	const char *spelt = errno_name(code);

	if (code == -EPERM && strcmp(name, "vanish") == 0)
		return play_over(
		    L, stage_skip(peer->play->stage, "TCP_REPAIR is refused here: no peer can vanish"));
	if (ended_by_target(peer->peer)) /* whether it may is for the rules to say */
		return play_over(L,
				 stage_skip(peer->play->stage, "the target %s %s before its %s",
					    peer_state(peer->peer) == PEER_TARGET_CLOSED ? "closed" : "reset",
					    peer_name(peer->peer), name));
	return play_undelivered(L, "%s: %s could not be done: %s (%s)", peer_name(peer->peer), name,
				spelt ? spelt : "unknown error", state_text(peer->peer));
}

/* Upvalue 1: the act. */
static int peer_act(lua_State *L)
{
	const struct act *act = lua_touserdata(L, lua_upvalueindex(1));
	struct script_peer *peer = peer_api_check(L, 1);
	size_t size = 0;
	const char *bytes = act->act == act_send ? luaL_checklstring(L, 2, &size) : NULL;
	int code = act->act(peer->peer, bytes, size);

	if (code < 0)
		return act_failed(L, peer, act->name, code);
	lua_pushboolean(L, 1);
	return 1;
}

static int peer_try(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);
	const char *name = luaL_checkstring(L, 2);
	size_t size = 0;

	const struct act *act = strcmp(name, unread_act.name) == 0 ? &unread_act : NULL;
	for (size_t i = 0; i < ACTS && !act; i++)
		act = strcmp(acts[i].name, name) == 0 ? &acts[i] : NULL;
	if (!act)
		return luaL_argerror(L, 2,
				     "try takes send, fin, half_close, reset, close_unread, vanish, stall, "
				     "resume or oob");
	const char *bytes = act->act == act_send ? luaL_checklstring(L, 3, &size) : NULL;
	int code = act->act(peer->peer, bytes, size);
	if (code >= 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, errno_name(code));
	return 2;
}

static int unread_check(struct play *play, struct wait *wait)
{
	int code = peer_close_unread(wait->peer->peer);

	(void)play;
	wait->poll = NS_PER_MS; /* a stalled peer's loop does not tell what arrives */
	return code == -EAGAIN ? 0 : code == 0 ? 1 : code;
}

static int unread_done(lua_State *L, int status, lua_KContext context)
{
	struct wait *wait = play_result(L);

	(void)status;
	(void)context;
	if (wait->result != 1)
		return act_failed(L, wait->peer, "close_unread", wait->result ? wait->result : -EAGAIN);
	lua_pushboolean(L, 1);
	return 1;
}

static int peer_unread(lua_State *L)
{
	struct wait wait = play_waiting(play_of(L), PLAY_PATIENCE);

	wait.check = unread_check;
	wait.peer = peer_api_check(L, 1);
	return play_wait(L, &wait, 0, unread_done);
}

static int peer_alive(lua_State *L)
{
	enum peer_state state = peer_state(peer_api_check(L, 1)->peer);

	lua_pushboolean(L, state == PEER_OPEN || state == PEER_HALF_CLOSED);
	return 1;
}

static int peer_has_ended(lua_State *L)
{
	lua_pushboolean(L, peer_ended(peer_api_check(L, 1)->peer));
	return 1;
}

static int peer_get_name(lua_State *L)
{
	lua_pushstring(L, peer_name(peer_api_check(L, 1)->peer));
	return 1;
}

static int peer_get_port(lua_State *L)
{
	lua_pushinteger(L, peer_port(peer_api_check(L, 1)->peer));
	return 1;
}

static int peer_get_sent(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)peer_sent(peer_api_check(L, 1)->peer));
	return 1;
}

static int peer_get_received(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)peer_received(peer_api_check(L, 1)->peer));
	return 1;
}

static int peer_drop(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);

	for (size_t i = 0; i < peer->play->count; i++) {
		const struct task *task = peer->play->tasks[i];
		if (task->waiting && task->wait.peer == peer)
			return luaL_error(L, "another coroutine waits for this peer");
	}
	stage_drop(peer->play->stage, peer->peer);
	peer_forget(peer);
	*(struct script_peer **)lua_touserdata(L, 1) = NULL;
	return 0;
}

static const luaL_Reg peer_methods[] = {
    {"close_unread", peer_unread}, {"try", peer_try},
    {"alive", peer_alive},	   {"ended", peer_has_ended},
    {"name", peer_get_name},	   {"port", peer_get_port},
    {"sent", peer_get_sent},	   {"received", peer_get_received},
    {"drop", peer_drop},	   {NULL, NULL},
};

void peer_api_open(lua_State *L)
{
	luaL_newmetatable(L, PEER_TYPE);
	luaL_newlib(L, peer_methods);
	luaL_setfuncs(L, exchange_methods, 0);
	for (size_t i = 0; i < ACTS; i++) {
		lua_pushlightuserdata(L, (void *)&acts[i]);
		lua_pushcclosure(L, peer_act, 1);
		lua_setfield(L, -2, acts[i].name);
	}
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, peer_get_name);
	lua_setfield(L, -2, "__tostring");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}
