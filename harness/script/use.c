/* SPDX-License-Identifier: MIT */
#include "script/use.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <lauxlib.h>
#include "script/folder.h"
#include "script/lua_box.h"

/* "lib.phases" as "lib/phases.lua"; nothing that could lead out of the folder. */
static void use_path(lua_State *L, const char *name, char *out, size_t size)
{
	if (!*name || strlen(name) > 80 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != strlen(name) || strstr(name, "..") ||
	    *name == '.')
		luaL_error(L, "use takes a name such as \"lib.phases\", not \"%s\"", name);
	(void)snprintf(out, size, "%s.lua", name);
	for (char *at = out; at < out + strlen(name); at++)
		if (*at == '.')
			*at = '/';
}

static bool use_find(const char *folder, const char *part, char *out, size_t size)
{
	return folder && snprintf(out, size, "%s/%s", folder, part) < (int)size && access(out, R_OK) == 0;
}

/* The source becomes a Lua string at once: whatever raises later leaks nothing. */
static void use_compile(lua_State *L, const char *path)
{
	struct error error;
	struct buf source = {0};
	size_t size;

	if (box_read(path, &source, &error) < 0)
		luaL_error(L, "%s", error.text);
	lua_pushlstring(L, source.data, source.size);
	buf_free(&source);
	lua_pushfstring(L, "@%s", path);
	const char *text = lua_tolstring(L, -2, &size);
	if (luaL_loadbufferx(L, text, size, lua_tostring(L, -1), "t") != LUA_OK)
		lua_error(L);
	lua_replace(L, -3);
	lua_pop(L, 1);
}

/* Runs the file and leaves what it returns. */
static void use_run(lua_State *L, const char *path)
{
	use_compile(L, path);
	lua_call(L, 0, 1);
	if (lua_isnil(L, -1))
		luaL_error(L, "%s returns nothing", path);
}

/* __index of a library that is run when something of it is asked for. Upvalues: its path, and itself once
 * run. */
static int lazy_index(lua_State *L)
{
	if (lua_isnil(L, lua_upvalueindex(2))) {
		use_run(L, lua_tostring(L, lua_upvalueindex(1)));
		lua_replace(L, lua_upvalueindex(2));
	}
	lua_settop(L, 2);
	lua_gettable(L, lua_upvalueindex(2));
	return 1;
}

static void lazy_push(lua_State *L, const char *path)
{
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushstring(L, path);
	lua_pushnil(L);
	lua_pushcclosure(L, lazy_index, 2);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
}

/* A library of wringer's own is known to be whole: a scenario that is only read need not run it. */
static bool may_wait(lua_State *L, const char *path)
{
	const char *folder = lua_tostring(L, lua_upvalueindex(2));

	return lua_toboolean(L, lua_upvalueindex(3)) && folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int use_call(lua_State *L)
{
	char part[128], path[PATH_MAX];
	const char *name = luaL_checkstring(L, 1);

	lua_settop(L, 1);
	if (luaL_getsubtable(L, LUA_REGISTRYINDEX, "wringer.used") && lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	lua_settop(L, 2);
	use_path(L, name, part, sizeof(part));
	if (!use_find(lua_tostring(L, lua_upvalueindex(1)), part, path, sizeof(path)) &&
	    !use_find(lua_tostring(L, lua_upvalueindex(2)), part, path, sizeof(path)))
		return luaL_error(L, "use \"%s\": there is no %s beside the file or among the scenarios",
				  name, part);
	if (may_wait(L, path))
		lazy_push(L, path);
	else
		use_run(L, path);
	lua_pushvalue(L, -1);
	lua_setfield(L, 2, name);
	return 1;
}

void use_register(lua_State *L, const char *file, const char *folder, bool only_read)
{
	char beside[PATH_MAX];

	lua_pushstring(L, folder_of(file, beside, sizeof(beside)));
	lua_pushstring(L, folder);
	lua_pushboolean(L, only_read);
	lua_pushcclosure(L, use_call, 3);
	lua_setglobal(L, "use");
}
