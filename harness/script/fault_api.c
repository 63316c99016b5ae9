/* SPDX-License-Identifier: MIT */
/* t:fault and its handle, t:until_delivered, t:limit_fds, t:signal, t:keep_only. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include "base/names.h"
#include "script/peer_api.h"
#include "script/scenario_api.h"

#define FAULT_TYPE    "wringer.fault"
#define STOP_PATIENCE 2.0
#define STOP_LOOK     (NS_PER_MS / 2)

struct fault_handle {
	uint32_t id;
	bool lifted;
	uint64_t delivered;
	char text[96];
};

/* A peer behind the text: only its connection. */
static void aim(lua_State *L, struct fault *fault)
{
	const struct script_peer *peer = peer_api_check(L, 3);

	if (fault->fd >= 0 || fault->peer)
		luaL_error(L, "the fault says already where it is to strike");
	fault->peer = peer_port(peer->peer);
	fault->accepted_only = false;
}

static int api_fault(lua_State *L)
{
	struct play *play = play_of(L);
	struct fault fault;
	struct error error = {0};

	if (fault_parse(luaL_checkstring(L, 2), &fault, &error) < 0)
		return luaL_error(L, "%s", error.text);
	if (!lua_isnoneornil(L, 3))
		aim(L, &fault);
	struct fault_handle *handle = lua_newuserdatauv(L, sizeof(*handle), 0);
	*handle = (struct fault_handle){.lifted = true};
	luaL_setmetatable(L, FAULT_TYPE);
	(void)fault_text(&fault, handle->text, sizeof(handle->text));
	if (stage_arm(play->stage, &fault, &handle->id, &error) < 0)
		return play_undelivered(L, "%s", error.text);
	handle->lifted = false;
	return 1;
}

static void lift(lua_State *L, struct fault_handle *handle)
{
	if (handle->lifted)
		return;
	handle->lifted = true;
	int code = stage_lift(play_of(L)->stage, handle->id, &handle->delivered);
	if (code < 0)
		play_undelivered(L, "%s could not be lifted: %s", handle->text, strerror(-code));
}

static int handle_lift(lua_State *L)
{
	struct fault_handle *handle = luaL_checkudata(L, 1, FAULT_TYPE);

	lift(L, handle);
	lua_pushinteger(L, (lua_Integer)handle->delivered);
	return 1;
}

static int handle_delivered(lua_State *L)
{
	struct fault_handle *handle = luaL_checkudata(L, 1, FAULT_TYPE);

	uint64_t delivered =
	    handle->lifted ? handle->delivered : stage_delivered(play_of(L)->stage, handle->id);
	lua_pushinteger(L, (lua_Integer)delivered);
	return 1;
}

static int handle_text(lua_State *L)
{
	const struct fault_handle *handle = luaL_checkudata(L, 1, FAULT_TYPE);

	lua_pushstring(L, handle->text);
	return 1;
}

static int wait_delivered(struct play *play, struct wait *wait)
{
	return stage_delivered(play->stage, (uint32_t)wait->number) > 0;
}

static int delivered_or_not(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	(void)context;
	lua_pushboolean(L, play_result(L)->result == 1);
	return 1;
}

static int api_until_delivered(lua_State *L)
{
	const struct fault_handle *handle = luaL_checkudata(L, 2, FAULT_TYPE);
	struct wait wait = play_waiting(play_of(L), patience_read(L, 3, PLAY_PATIENCE));

	wait.check = wait_delivered;
	wait.number = handle->id;
	return play_wait(L, &wait, 0, delivered_or_not);
}

static int api_expect_delivered(lua_State *L)
{
	struct fault_handle *handle = luaL_checkudata(L, 2, FAULT_TYPE);

	lift(L, handle);
	if (!handle->delivered && stage_out_of_reach(play_of(L)->stage, handle->id))
		return play_over(L, stage_skip(play_of(L)->stage, OUT_OF_REACH, handle->text));
	if (!handle->delivered)
		return play_undelivered(L, "%s was never delivered", handle->text);
	lua_pushinteger(L, (lua_Integer)handle->delivered);
	return 1;
}

static int api_limit_fds(lua_State *L)
{
	lua_Integer spare = luaL_checkinteger(L, 2);
	struct error error = {0};

	luaL_argcheck(L, spare >= 0 && spare <= 1000000, 2, "must be a number of fds");
	if (stage_limit_fds(play_of(L)->stage, (uint32_t)spare, &error) < 0)
		return play_undelivered(L, "%s", error.text);
	return 0;
}

static int api_limit_restore(lua_State *L)
{
	int code = stage_limit_restore(play_of(L)->stage);

	if (code < 0)
		return play_undelivered(L, "the fd limit could not be restored: %s", strerror(-code));
	return 0;
}

static int wait_stopped(struct play *play, struct wait *wait)
{
	wait->poll = STOP_LOOK;
	return target_stopped(stage_target(play->stage), stage_world(play->stage), (int)wait->number);
}

static int signalled(lua_State *L, int status, lua_KContext context)
{
	(void)L;
	(void)status;
	(void)context;
	return 0;
}

/* A stop is waited for: until it has happened, a target on another CPU may still take what comes next for one
 * thing alone. */
static int api_signal(lua_State *L)
{
	const char *name = luaL_checkstring(L, 2);
	int signo = signal_parse(name);

	luaL_argcheck(L, signo > 0, 2, "must name a signal");
	int code = stage_signal(play_of(L)->stage, signo, true);
	if (code < 0)
		return play_undelivered(L, "signal %s: %s", name, strerror(-code));
	if (signo != SIGSTOP)
		return 0;
	struct wait wait = play_waiting(play_of(L), STOP_PATIENCE);
	wait.check = wait_stopped;
	wait.number = SIGSTOP;
	wait.pause = true;
	return play_wait(L, &wait, 0, signalled);
}

static int api_keep_only(lua_State *L)
{
	canary_keep_only(stage_canary(play_of(L)->stage), lua_toboolean(L, 2));
	return 0;
}

const luaL_Reg fault_methods[] = {
    {"fault", api_fault},
    {"until_delivered", api_until_delivered},
    {"expect_delivered", api_expect_delivered},
    {"limit_fds", api_limit_fds},
    {"limit_restore", api_limit_restore},
    {"signal", api_signal},
    {"keep_only", api_keep_only},
    {NULL, NULL},
};

void fault_api_open(lua_State *L)
{
	static const luaL_Reg handle_methods[] = {
	    {"lift", handle_lift}, {"delivered", handle_delivered}, {"text", handle_text}, {NULL, NULL}};

	luaL_newmetatable(L, FAULT_TYPE);
	luaL_newlib(L, handle_methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}
