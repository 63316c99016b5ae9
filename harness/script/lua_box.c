/* SPDX-License-Identifier: MIT */
#include "script/lua_box.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <lualib.h>

#define BOX_MEMORY  (512UL << 20)
#define BOX_TICK    1000   /* instructions between two looks at the allowance */
#define BOX_TICKS   100000 /* allowance: a hundred million instructions, about a second */
#define SOURCE_MOST (1UL << 20)

static void *box_alloc(void *arg, void *old, size_t old_size, size_t size)
{
	struct lua_box *box = arg;
	size_t had = old ? old_size : 0; /* without a block Lua passes a type here, not a size */

	if (!size) {
		box->used -= had;
		free(old);
		return NULL;
	}
	if (size > had && size - had > box->cap - box->used)
		return NULL;
	void *now = realloc(old, size);
	if (now)
		box->used = box->used - had + size;
	return now;
}

struct lua_box *lua_box_of(lua_State *L)
{
	return *(struct lua_box **)lua_getextraspace(L);
}

/* "file:line" of the innermost Lua function, left on the stack. */
static const char *place_of(lua_State *L)
{
	lua_Debug debug;

	for (int level = 0; lua_getstack(L, level, &debug); level++)
		if (lua_getinfo(L, "Sl", &debug) && debug.currentline > 0)
			return lua_pushfstring(L, "%s:%d", debug.short_src, debug.currentline);
	return lua_pushliteral(L, "?");
}

/*
 * Once the allowance is used up the hook strikes at every instruction: a loop that catches the error with
 * pcall meets the next one outside of it.
 */
static void box_tick(lua_State *L, lua_Debug *debug)
{
	struct lua_box *box = lua_box_of(L);

	(void)debug;
	if (++box->ticks < BOX_TICKS)
		return;
	lua_sethook(L, box_tick, LUA_MASKCOUNT, 1);
	lua_pushfstring(L, "%s: runs on and on without waiting (more than %d million instructions)",
			place_of(L), BOX_TICKS / 1000 * BOX_TICK / 1000);
	lua_error(L);
}

void box_rearm(lua_State *L)
{
	lua_box_of(L)->ticks = 0;
	lua_sethook(L, box_tick, LUA_MASKCOUNT, BOX_TICK);
}

static const luaL_Reg box_libraries[] = {
    {LUA_GNAME, luaopen_base},	     {LUA_TABLIBNAME, luaopen_table},	 {LUA_STRLIBNAME, luaopen_string},
    {LUA_MATHLIBNAME, luaopen_math}, {LUA_COLIBNAME, luaopen_coroutine}, {LUA_UTF8LIBNAME, luaopen_utf8},
};

/* What reaches outside of the box, or brings code that nobody named. */
static const char *const box_removed[] = {"dofile", "loadfile", "load", "print", "collectgarbage"};

static int box_furnish(lua_State *L)
{
	for (size_t i = 0; i < sizeof(box_libraries) / sizeof(*box_libraries); i++) {
		luaL_requiref(L, box_libraries[i].name, box_libraries[i].func, 1);
		lua_pop(L, 1);
	}
	for (size_t i = 0; i < sizeof(box_removed) / sizeof(*box_removed); i++) {
		lua_pushnil(L);
		lua_setglobal(L, box_removed[i]);
	}
	/* A run is replayed from its seed: chance comes from t:random only. */
	lua_getglobal(L, "math");
	lua_pushnil(L);
	lua_setfield(L, -2, "random");
	lua_pushnil(L);
	lua_setfield(L, -2, "randomseed");
	return 0;
}

int box_open(struct lua_box *box, void *owner, struct error *error)
{
	memset(box, 0, sizeof(*box));
	box->cap = BOX_MEMORY;
	box->owner = owner;
	box->L = lua_newstate(box_alloc, box);
	if (!box->L)
		return error_set(error, -ENOMEM, "no memory for Lua");
	*(struct lua_box **)lua_getextraspace(box->L) = box;
	int code = box_protect(box, box_furnish, NULL, error);
	if (code < 0)
		box_close(box);
	return code;
}

void box_close(struct lua_box *box)
{
	if (box->L)
		lua_close(box->L);
	box->L = NULL;
}

void text_flatten(char *text)
{
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
}

/* Runs where the error happened, so the stack is still there to be told. */
static int box_handler(lua_State *L)
{
	struct lua_box *box = lua_box_of(L);

	if (!lua_isstring(L, 1))
		return 1;
	luaL_traceback(L, L, NULL, 1);
	(void)snprintf(box->traceback, sizeof(box->traceback), "%s", lua_tostring(L, -1));
	lua_pop(L, 1);
	return 1;
}

int box_error(struct lua_box *box, lua_State *L, int status, struct error *error)
{
	char text[ERROR_TEXT];

	if (lua_type(L, -1) == LUA_TSTRING)
		(void)snprintf(text, sizeof(text), "%s", lua_tostring(L, -1));
	else
		(void)snprintf(text, sizeof(text), "error object is a %s value", luaL_typename(L, -1));
	lua_pop(L, 1);
	text_flatten(text);
	if (status == LUA_ERRMEM)
		return error_set(error, -ENOMEM, "Lua: not enough memory (at most %zu MiB)", box->cap >> 20);
	return error_set(error, -EINVAL, "%s", text);
}

int box_protect(struct lua_box *box, lua_CFunction work, void *arg, struct error *error)
{
	lua_State *L = box->L;

	box_rearm(L);
	box->traceback[0] = '\0';
	lua_pushcfunction(L, box_handler);
	int handler = lua_gettop(L);
	lua_pushcfunction(L, work);
	lua_pushlightuserdata(L, arg);
	int status = lua_pcall(L, 1, 0, handler);
	int code = status == LUA_OK ? 0 : box_error(box, L, status, error);
	lua_remove(L, handler);
	return code;
}

static int read_all(int fd, struct buf *source)
{
	for (;;) {
		int code = buf_reserve(source, 4096);
		if (code < 0)
			return code;
		ssize_t got = read(fd, source->data + source->size, 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return buf_append(source, "", 0);
		source->size += (size_t)got;
		if (source->size > SOURCE_MOST)
			return -EFBIG;
	}
}

int box_read(const char *file, struct buf *ret_source, struct error *error)
{
	struct buf source = {0};
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_set(error, -errno, "%s: %s", file, strerror(errno));
	int code = read_all(fd, &source);
	(void)close(fd);
	if (code == 0)
		code = buf_append(&source, "", 1); /* for whoever looks for lines in it */
	if (code < 0) {
		buf_free(&source);
		return error_set(error, code, "%s: %s", file, strerror(-code));
	}
	source.size--;
	*ret_source = source;
	return 0;
}

void box_compile(lua_State *L, const char *file, const struct buf *source)
{
	lua_pushfstring(L, "@%s", file);
	int status = luaL_loadbufferx(L, source->data, source->size, lua_tostring(L, -1), "t");
	lua_remove(L, -2);
	if (status != LUA_OK)
		lua_error(L);
}

static int line_assigns(const char *at, size_t size, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i + length < size && strncmp(at + i, "--", 2) != 0; i++) {
		if (strncmp(at + i, key, length) != 0 ||
		    (i && (isalnum((unsigned char)at[i - 1]) || at[i - 1] == '_')))
			continue;
		size_t end = i + length;
		while (end < size && (at[end] == ' ' || at[end] == '\t' || at[end] == '"' || at[end] == ']'))
			end++;
		if (end < size && at[end] == '=' && at[end + 1] != '=')
			return 1;
	}
	return 0;
}

int source_line(const char *source, const char *key)
{
	int line = 1;

	for (const char *at = source; *at; line++) {
		size_t size = strcspn(at, "\n");
		if (line_assigns(at, size, key))
			return line;
		at += size + (at[size] == '\n');
	}
	return 0;
}

int source_error(lua_State *L, const char *file, const char *source, const char *key, int line,
		 const char *format, ...)
{
	char text[ERROR_TEXT];
	int found = key ? source_line(source, key) : 0;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	lua_pushfstring(L, "%s:%d: %s", file, found ? found : line, text);
	return lua_error(L);
}
