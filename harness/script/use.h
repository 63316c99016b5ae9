/* SPDX-License-Identifier: MIT */
/* `use "lib.phases"`: Lua files shared by scenarios or protocols, run once a state. */
#ifndef WRINGER_SCRIPT_USE_H
#define WRINGER_SCRIPT_USE_H

#include <lua.h>

/*
 * Gives the state the function `use`: the value returned by lib/phases.lua, looked for beside the file that
 * is being loaded, then in folder (may be NULL). Raises out of memory.
 */
void use_register(lua_State *L, const char *file, const char *folder);

#endif
