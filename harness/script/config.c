/* SPDX-License-Identifier: MIT */
/*
 * wringer.lua: `return { jobs = 4, ["time-scale"] = 2, exclude = { "churn", "vanish-*" }, D = { path = "/x" }
 * }`. A list gives the option once for each value, a table of names "name=value" for each; true is "true",
 * false leaves the option out.
 */
#include <errno.h>
#include <string.h>
#include "script/lua_box.h"
#include "script/script.h"

struct reading {
	const char *file;
	struct buf source;
	int (*each)(void *arg, const char *option, const char *value, struct error *error);
	void *arg;
	struct error *error; /* of each */
	int code;
};

static int config_fail(lua_State *L, const struct reading *reading, const char *option, const char *what)
{
	return source_error(L, reading->file, reading->source.data, option, 1, "%s", what);
}

static void give(lua_State *L, struct reading *reading, const char *option, const char *value)
{
	struct error error = {0};

	reading->code = reading->each(reading->arg, option, value, &error);
	if (reading->code < 0)
		config_fail(L, reading, option, error.text);
}

/* The value on top as text; the value itself stays as it is. */
static const char *value_text(lua_State *L, struct reading *reading, const char *option)
{
	switch (lua_type(L, -1)) {
	case LUA_TSTRING:
		return lua_tostring(L, -1);
	case LUA_TNUMBER:
		lua_pushvalue(L, -1);
		lua_tostring(L, -1);
		lua_replace(L, -2);
		return lua_tostring(L, -1);
	case LUA_TBOOLEAN:
		return lua_toboolean(L, -1) ? "true" : "false";
	default:
		lua_pushfstring(L, "%s takes a text, a number, true, false or a list of these, not %s",
				option, luaL_typename(L, -1));
		config_fail(L, reading, option, lua_tostring(L, -1));
		return NULL;
	}
}

static void give_list(lua_State *L, struct reading *reading, const char *option)
{
	lua_Integer count = (lua_Integer)lua_rawlen(L, -1);

	for (lua_Integer i = 1; i <= count; i++) {
		lua_rawgeti(L, -1, i);
		give(L, reading, option, value_text(L, reading, option));
		lua_pop(L, 1);
	}
}

static void give_pairs(lua_State *L, struct reading *reading, const char *option)
{
	lua_pushnil(L);
	for (; lua_next(L, -2); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			continue; /* of the list */
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		const char *value = value_text(L, reading, option);
		lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), value);
		give(L, reading, option, lua_tostring(L, -1));
		lua_pop(L, 3);
	}
}

static void give_option(lua_State *L, struct reading *reading, const char *option)
{
	if (lua_istable(L, -1)) {
		give_list(L, reading, option);
		give_pairs(L, reading, option);
	} else if (lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1)) {
		give(L, reading, option, value_text(L, reading, option));
	}
}

static int config_read(lua_State *L)
{
	struct reading *reading = lua_touserdata(L, 1);

	box_compile(L, reading->file, &reading->source);
	lua_call(L, 0, 1);
	if (!lua_istable(L, -1))
		config_fail(L, reading, NULL, "the file must return a table: return { jobs = 4 }");
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			config_fail(L, reading, NULL, "every entry is an option = value");
		lua_pushvalue(L, -1);
		give_option(L, reading, lua_tostring(L, -3));
		lua_pop(L, 2);
	}
	return 0;
}

int config_load(const char *file,
		int (*each)(void *arg, const char *option, const char *value, struct error *error), void *arg,
		struct error *error)
{
	struct reading reading = {.file = file, .each = each, .arg = arg};
	struct lua_box box = {0};
	int code = box_read(file, &reading.source, error);

	if (code == 0)
		code = box_open(&box, NULL, error);
	if (code == 0)
		code = box_protect(&box, config_read, &reading, error);
	if (code < 0 && reading.code < 0)
		code = reading.code;
	box_close(&box);
	buf_free(&reading.source);
	return code;
}
