/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * Received bytes as a protocol file sees them: without a copy, however many there are. Positions count from 1, as
 * in Lua. A view is valid during the call it is handed to.
 *
 *   #data
 *   data:sub(i [, j])         data:byte(i)
 *   data:find(text [, from])  where the plain text begins at or after from, else nil
 *   data:same(i, text)        how many of the bytes from i on equal those of text (#text when all do)
 *   data:repeats(i, text, n [, phase])
 *                             how many of n bytes from i on equal text repeated for ever, from phase bytes into it on
 */
/* clang-format on */
#ifndef WRINGER_SCRIPT_VIEW_H
#define WRINGER_SCRIPT_VIEW_H

#include <stddef.h>
#include <lua.h>

/* Makes the type. Raises. */
void view_open(lua_State *L);
/* Leaves a new view on the stack; what it shows is set and unset through the returned pointer's view_set.
 * Raises. */
struct view *view_push(lua_State *L);
void view_set(struct view *view, const char *data, size_t size);

#endif
