/* SPDX-License-Identifier: MIT */
/* Calls of a protocol's functions: C on one side, the Lua file on the other. */
#include <errno.h>
#include <string.h>
#include "script/protocol_file.h"
#include "script/view.h"

static const char *const kind_names[] = {
    [REQUEST_WHOLE] = "whole",
    [REQUEST_LAST] = "last",
    [REQUEST_BIG] = "big",
    [REQUEST_BODY] = "body",
};

/* The arguments and results of one call, across box_protect. */
struct asked {
	const struct protocol_file *file;
	enum request_kind kind;
	const char *token, *data;
	uint64_t bytes;
	size_t size;
	bool closed;
	struct buf *out;
	int64_t result;
	uint64_t announced;
};

static void push_function(lua_State *L, const char *name)
{
	lua_getfield(L, LUA_REGISTRYINDEX, PROTOCOL_TABLE);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
}

static void push_request(lua_State *L, const struct asked *call)
{
	lua_pushstring(L, kind_names[call->kind]);
	lua_pushstring(L, call->token);
	lua_pushinteger(L, (lua_Integer)call->bytes);
}

static int call_request(lua_State *L)
{
	struct asked *call = lua_touserdata(L, 1);
	size_t size;

	push_function(L, "request");
	push_request(L, call);
	lua_getfield(L, LUA_REGISTRYINDEX, PROTOCOL_SETTINGS);
	lua_call(L, 4, 1);
	if (lua_isnil(L, -1)) {
		call->result = -ENOTSUP;
		return 0;
	}
	if (lua_type(L, -1) != LUA_TSTRING)
		return luaL_error(L, "%s: request returns bytes, not %s", call->file->file,
				  luaL_typename(L, -1));
	const char *bytes = lua_tolstring(L, -1, &size);
	call->result = buf_append(call->out, bytes, size);
	return 0;
}

int protocol_file_request(const struct protocol *protocol, enum request_kind kind, const char *token,
			  uint64_t bytes, struct buf *out)
{
	struct protocol_file *file = protocol->state;
	struct asked call = {.file = file, .kind = kind, .token = token, .bytes = bytes, .out = out};
	int code = box_protect(&file->box, call_request, &call, NULL);

	return code < 0 ? code : (int)call.result;
}

/* What was returned from index on: length, announced; or nil, why. */
static void take_result(lua_State *L, int index, struct asked *call)
{
	lua_settop(L, index + 1);
	if (lua_isnil(L, index)) {
		if (call->out && lua_isstring(L, index + 1))
			(void)buf_puts(call->out, lua_tostring(L, index + 1));
		call->result = -EBADMSG;
		return;
	}
	if (!lua_isinteger(L, index) || lua_tointeger(L, index) < 0 ||
	    lua_tointeger(L, index) > (lua_Integer)call->size)
		luaL_error(L, "%s: a length must be a whole number from 0 to what was received",
			   call->file->file);
	call->result = lua_tointeger(L, index);
	call->announced = (uint64_t)(call->result ? call->result : lua_tointeger(L, index + 1));
}

static void push_view(lua_State *L, const struct asked *call)
{
	lua_getfield(L, LUA_REGISTRYINDEX, PROTOCOL_VIEW);
	view_set(call->file->view, call->data, call->size);
}

static int call_answer(lua_State *L)
{
	struct asked *call = lua_touserdata(L, 1);

	push_function(L, "answer");
	push_request(L, call);
	push_view(L, call);
	lua_pushboolean(L, call->closed);
	lua_call(L, 5, 2);
	take_result(L, 2, call);
	return 0;
}

static int call_greeting(lua_State *L)
{
	struct asked *call = lua_touserdata(L, 1);

	push_function(L, "greeting");
	push_view(L, call);
	lua_call(L, 1, 2);
	take_result(L, 2, call);
	return 0;
}

static int64_t look(struct asked *call, lua_CFunction work)
{
	struct protocol_file *file = (struct protocol_file *)call->file;
	struct error error = {0};
	int code = box_protect(&file->box, work, call, &error);

	view_set(file->view, NULL, 0);
	if (code < 0 && call->out)
		(void)buf_puts(call->out, error.text);
	if (code < 0)
		return code == -ENOMEM ? code : -EIO; /* the file is wrong, not the target */
	return call->result;
}

int64_t protocol_file_answer(const struct protocol *protocol, enum request_kind kind, const char *token,
			     uint64_t bytes, const char *data, size_t size, bool closed,
			     uint64_t *ret_announced, struct buf *why)
{
	struct asked call = {.file = protocol->state,
			     .kind = kind,
			     .token = token,
			     .bytes = bytes,
			     .data = data,
			     .size = size,
			     .closed = closed,
			     .out = why};
	int64_t result = look(&call, call_answer);

	if (ret_announced && result >= 0)
		*ret_announced = call.announced;
	return result;
}

static int call_closes(lua_State *L)
{
	struct asked *call = lua_touserdata(L, 1);

	push_function(L, "closes");
	push_view(L, call);
	lua_call(L, 1, 1);
	call->result = lua_toboolean(L, -1);
	return 0;
}

bool protocol_file_closes(const struct protocol *protocol, const char *data, size_t size)
{
	struct asked call = {.file = protocol->state, .data = data, .size = size};

	return look(&call, call_closes) > 0;
}

int64_t protocol_file_greeting(const struct protocol *protocol, const char *data, size_t size,
			       struct buf *why)
{
	struct asked call = {.file = protocol->state, .data = data, .size = size, .out = why};

	return look(&call, call_greeting);
}
