/* SPDX-License-Identifier: MIT */
#include "script/view.h"

#include <stdbool.h>
#include <string.h>
#include <lauxlib.h>

#define VIEW_TYPE "wringer.view"

struct view {
	const char *data;
	size_t size;
};

struct view *view_push(lua_State *L)
{
	struct view *view = lua_newuserdatauv(L, sizeof(*view), 0);

	view_set(view, "", 0);
	luaL_setmetatable(L, VIEW_TYPE);
	return view;
}

void view_set(struct view *view, const char *data, size_t size)
{
	view->data = data ? data : "";
	view->size = size;
}

static struct view *view_check(lua_State *L)
{
	return luaL_checkudata(L, 1, VIEW_TYPE);
}

/* A position as an offset; beyond the end is the end. */
static size_t view_offset(lua_State *L, const struct view *view, int index)
{
	lua_Integer at = luaL_checkinteger(L, index);

	luaL_argcheck(L, at >= 1, index, "positions begin at 1");
	return (size_t)at - 1 < view->size ? (size_t)at - 1 : view->size;
}

static int view_length(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)view_check(L)->size);
	return 1;
}

static int view_sub(lua_State *L)
{
	const struct view *view = view_check(L);
	size_t from = view_offset(L, view, 2);
	lua_Integer last = luaL_optinteger(L, 3, (lua_Integer)view->size);
	size_t to = last < 0 ? 0 : (size_t)last < view->size ? (size_t)last : view->size;

	lua_pushlstring(L, view->data + from, to > from ? to - from : 0);
	return 1;
}

static int view_byte(lua_State *L)
{
	const struct view *view = view_check(L);
	size_t at = lua_isnoneornil(L, 2) ? 0 : view_offset(L, view, 2);

	if (at >= view->size)
		return 0;
	lua_pushinteger(L, (unsigned char)view->data[at]);
	return 1;
}

/* The string's method of that name, on a copy: for what takes a pattern. */
static int by_string(lua_State *L, const char *method)
{
	const struct view *view = view_check(L);

	lua_pushlstring(L, view->data, view->size);
	lua_replace(L, 1);
	lua_getfield(L, 1, method);
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

/* The characters are those that string.find takes for a pattern's. */
static bool is_plain(const char *text, size_t size)
{
	return strcspn(text, "^$*+?.([%-") == size;
}

static int view_find(lua_State *L)
{
	const struct view *view = view_check(L);
	size_t size, from = lua_isnoneornil(L, 3) ? 0 : view_offset(L, view, 3);
	const char *text = luaL_checklstring(L, 2, &size), *found;

	if (!lua_toboolean(L, 4) && !is_plain(text, size))
		return by_string(L, "find");
	found = memmem(view->data + from, view->size - from, text, size);
	if (!found)
		return 0;
	lua_pushinteger(L, (lua_Integer)(found - view->data) + 1);
	lua_pushinteger(L, (lua_Integer)(found - view->data) + (lua_Integer)size);
	return 2;
}

static int view_match(lua_State *L)
{
	return by_string(L, "match");
}

static size_t same(const char *a, const char *b, size_t size)
{
	size_t count = 0;

	if (memcmp(a, b, size) == 0)
		return size;
	while (a[count] == b[count])
		count++;
	return count;
}

static int view_same(lua_State *L)
{
	const struct view *view = view_check(L);
	size_t size, from = view_offset(L, view, 2);
	const char *text = luaL_checklstring(L, 3, &size);

	if (size > view->size - from)
		size = view->size - from;
	lua_pushinteger(L, (lua_Integer)same(view->data + from, text, size));
	return 1;
}

static int view_repeats(lua_State *L)
{
	const struct view *view = view_check(L);
	size_t size, from = view_offset(L, view, 2);
	const char *text = luaL_checklstring(L, 3, &size);
	lua_Integer count = luaL_checkinteger(L, 4), phase = luaL_optinteger(L, 5, 0);

	luaL_argcheck(L, size > 0, 3, "must not be empty");
	luaL_argcheck(L, count >= 0, 4, "must not be negative");
	luaL_argcheck(L, phase >= 0, 5, "must not be negative");
	size_t most = (size_t)count < view->size - from ? (size_t)count : view->size - from;
	size_t done = 0, at = (size_t)phase % size;
	while (done < most) {
		size_t piece = size - at < most - done ? size - at : most - done;
		size_t equal = same(view->data + from + done, text + at, piece);
		done += equal;
		if (equal < piece)
			break;
		at = 0;
	}
	lua_pushinteger(L, (lua_Integer)done);
	return 1;
}

void view_open(lua_State *L)
{
	static const luaL_Reg methods[] = {
	    {"sub", view_sub},	 {"byte", view_byte},	    {"find", view_find}, {"match", view_match},
	    {"same", view_same}, {"repeats", view_repeats}, {NULL, NULL},
	};

	luaL_newmetatable(L, VIEW_TYPE);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, view_length);
	lua_setfield(L, -2, "__len");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}
