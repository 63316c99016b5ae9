/* SPDX-License-Identifier: MIT */
/* t:hoard: peers by the thousand, without a coroutine for each. */
#include <errno.h>
#include <string.h>
#include "base/names.h"
#include "peer/hoard.h"
#include "script/exchange.h"
#include "script/scenario_api.h"

#define HOARD_TYPE  "wringer.hoard"
#define HOARD_STILL 5.0 /* seconds without a new connection: there will be no more */
#define HOARD_POLL  (10 * NS_PER_MS)
#define FOR_EVER    3600.0

struct hoard_handle {
	struct hoard *hoard;
	struct buf text;
	uint32_t wanted;
};

static struct hoard_handle *handle_of(lua_State *L, int index)
{
	return luaL_checkudata(L, index, HOARD_TYPE);
}

static int handle_free(lua_State *L)
{
	struct hoard_handle *handle = handle_of(L, 1);

	hoard_free(handle->hoard);
	buf_free(&handle->text);
	*handle = (struct hoard_handle){0};
	return 0;
}

static struct hoard_handle *waited_for(const struct wait *wait)
{
	return (struct hoard_handle *)(uintptr_t)wait->number;
}

/* All were there (the server may have had enough of some since), or it has come to a standstill: how many there are then is the scenario's to judge. */
static int wait_made(struct play *play, struct wait *wait)
{
	struct hoard_handle *handle = waited_for(wait);
	struct hoard_count count = hoard_count(handle->hoard);

	if (count.broken)
		return count.broken;
	return count.made >= handle->wanted ||
	       hoard_still(handle->hoard) >
		   stage_window(play->stage, (uint64_t)(HOARD_STILL * (double)NS_PER_S));
}

static int wait_dropped(struct play *play, struct wait *wait)
{
	(void)play;
	return hoard_gone(waited_for(wait)->hoard);
}

static int made_done(lua_State *L, int status, lua_KContext index)
{
	int result = play_result(L)->result;

	(void)status;
	if (result < 0)
		return play_undelivered(L, "holding peers: %s", strerror(-result));
	lua_pushvalue(L, (int)index);
	return 1;
}

static int dropped_done(lua_State *L, int status, lua_KContext context)
{
	(void)L;
	(void)status;
	(void)context;
	return 0;
}

static int wait_for(lua_State *L, int (*check)(struct play *play, struct wait *wait),
		    struct hoard_handle *handle, int index, lua_KFunction done)
{
	struct wait wait = play_waiting(play_of(L), FOR_EVER);

	wait.check = check;
	wait.poll = HOARD_POLL;
	wait.number = (uintptr_t)handle; /* the handle stays on the waiter's stack */
	return play_wait(L, &wait, index, done);
}

/* t:hoard(peers [, text, bytes a second of all together]) */
static int api_hoard(lua_State *L)
{
	lua_Integer peers = luaL_checkinteger(L, 2);
	size_t size = 0;
	const char *text = luaL_optlstring(L, 3, NULL, &size);
	lua_Number rate = luaL_optnumber(L, 4, 1000);
	struct error error = {0};

	luaL_argcheck(L, peers >= 1 && peers <= INT32_MAX, 2, "must be a number of peers");
	luaL_argcheck(L, size < UINT16_MAX, 3, "is too long");
	luaL_argcheck(L, rate > 0, 4, "must be above 0");
	struct hoard_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
	*handle = (struct hoard_handle){.wanted = (uint32_t)peers};
	luaL_setmetatable(L, HOARD_TYPE);
	const struct hoard_options options = {
	    .peers = (uint32_t)peers, .text = text, .text_size = size, .rate = rate};
	if (stage_hoard(play_of(L)->stage, &options, &handle->hoard, &error) < 0)
		return play_undelivered(L, "%s", error.text);
	return wait_for(L, wait_made, handle, lua_gettop(L), made_done);
}

/* Whole numbers of it: open, made, ended, bytes, workers, memory (bytes); and the last error's name or nil.
 */
static int handle_count(lua_State *L)
{
	struct hoard_count count = hoard_count(handle_of(L, 1)->hoard);
	const struct {
		const char *name;
		uint64_t number;
	} rows[] = {{"open", count.open},   {"made", count.made},	{"ended", count.ended},
		    {"bytes", count.bytes}, {"workers", count.workers}, {"memory", count.memory}};

	lua_newtable(L);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		lua_pushinteger(L, (lua_Integer)rows[i].number);
		lua_setfield(L, -2, rows[i].name);
	}
	if (count.error) {
		lua_pushstring(L, errno_name(count.error));
		lua_setfield(L, -2, "error");
	}
	return 1;
}

static int handle_drop(lua_State *L)
{
	struct hoard_handle *handle = handle_of(L, 1);

	hoard_drop(handle->hoard);
	return wait_for(L, wait_dropped, handle, 1, dropped_done);
}

const luaL_Reg hoard_methods[] = {{"hoard", api_hoard}, {NULL, NULL}};

void hoard_api_open(lua_State *L)
{
	static const luaL_Reg handle_methods[] = {
	    {"count", handle_count}, {"drop", handle_drop}, {NULL, NULL}};

	luaL_newmetatable(L, HOARD_TYPE);
	lua_pushcfunction(L, handle_free);
	lua_setfield(L, -2, "__gc");
	luaL_newlib(L, handle_methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}
