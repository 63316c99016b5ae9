/* SPDX-License-Identifier: MIT */
/* `use "lib.phases"`: Lua files shared by scenarios or protocols, run once a state. */
#ifndef WRINGER_SCRIPT_USE_H
#define WRINGER_SCRIPT_USE_H

#include <stdbool.h>
#include <lua.h>

/*
 * Gives the state the function `use`: the value returned by lib/phases.lua, looked for beside the file that
 * is being loaded, then in folder (may be NULL). only_read: the file is read, not played, so that a library of
 * folder's is run only if something of it is asked for; most are used in run alone. Raises out of memory.
 */
void use_register(lua_State *L, const char *file, const char *folder, bool only_read);

#endif
