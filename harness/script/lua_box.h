/* SPDX-License-Identifier: MIT */
/*
 * A Lua state in a box: no files, no processes, bounded memory, bounded running time; whatever goes wrong
 * inside comes out as one line with file and line. Code that touches the state runs as a lua_CFunction under
 * box_protect, so that even running out of memory is an error and not the end of the process.
 */
#ifndef WRINGER_SCRIPT_LUA_BOX_H
#define WRINGER_SCRIPT_LUA_BOX_H

#include <stddef.h>
#include <stdint.h>
#include <lua.h>
#include <lauxlib.h>
#include "base/buf.h"
#include "base/error.h"

#define BOX_TRACEBACK 2048

struct lua_box {
	lua_State *L;
	size_t used, cap;	       /* bytes the state holds, and may hold */
	uint64_t ticks;		       /* thousands of instructions since box_rearm */
	void *owner;		       /* whoever made the box; found again by lua_box_of(L)->owner */
	char traceback[BOX_TRACEBACK]; /* of the last error, lines split by '\n'; "" none */
};

/* 0, -ENOMEM. The box must stay where it is until box_close. */
int box_open(struct lua_box *box, void *owner, struct error *error);
void box_close(struct lua_box *box); /* a box never opened but zeroed is fine */
struct lua_box *lua_box_of(lua_State *L);

/* Gives the code a fresh allowance of instructions on that thread. box_protect does; whoever resumes a
 * coroutine must. */
void box_rearm(lua_State *L);

/* Calls work with arg as its light userdata argument 1, protected. 0, -ENOMEM, or -EINVAL with error. */
int box_protect(struct lua_box *box, lua_CFunction work, void *arg, struct error *error);

/* Makes an error of the value on top of L (and pops it) after status of a failed call or resume; keeps the
 * traceback. */
int box_error(struct lua_box *box, lua_State *L, int status, struct error *error);

/* The whole of a text file, at most 1 MiB. 0 or negative errno with error ("FILE: what"). */
int box_read(const char *file, struct buf *ret_source, struct error *error);
/* Compiles source under the name of file and leaves the function on the stack; raises. */
void box_compile(lua_State *L, const char *file, const struct buf *source);

/* The line of source where `key =` stands first, 0 when nowhere. */
int source_line(const char *source, const char *key);
/* Raises "file:line: …" for the line of `key =` in source, or for line when it is nowhere. */
int source_error(lua_State *L, const char *file, const char *source, const char *key, int line,
		 const char *format, ...) __attribute__((format(printf, 6, 7)));

/* In place: newlines become " | ", other control characters blanks. */
void text_flatten(char *text);

#endif
