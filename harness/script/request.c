/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/names.h"
#include "script/exchange.h"

static void read_partial(lua_State *L, struct request_spec *spec)
{
	spec->partial = lua_toboolean(L, -1);
}

static void read_last(lua_State *L, struct request_spec *spec)
{
	if (lua_toboolean(L, -1))
		spec->kind = REQUEST_LAST;
}

static void read_bytes(lua_State *L, struct request_spec *spec, enum request_kind kind, const char *key)
{
	if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > 1L << 30)
		luaL_error(L, "%s must be a whole number of bytes, at most 1 GiB", key);
	spec->kind = kind;
	spec->bytes = (uint64_t)lua_tointeger(L, -1);
}

static void read_big(lua_State *L, struct request_spec *spec)
{
	read_bytes(L, spec, REQUEST_BIG, "big");
}

static void read_body(lua_State *L, struct request_spec *spec)
{
	read_bytes(L, spec, REQUEST_BODY, "body");
}

static void read_token(lua_State *L, struct request_spec *spec)
{
	size_t size;
	const char *token = luaL_checklstring(L, -1, &size);

	if (!size || size >= TOKEN_SIZE)
		luaL_error(L, "token must have 1 to %d bytes", TOKEN_SIZE - 1);
	(void)snprintf(spec->token, sizeof(spec->token), "%s", token);
}

static const struct spec_row {
	const char *key;
	void (*read)(lua_State *L, struct request_spec *spec);
} spec_rows[] = {
    {"partial", read_partial}, {"last", read_last},   {"big", read_big},
    {"body", read_body},       {"token", read_token},
};

static void spec_key(lua_State *L, const char *key, struct request_spec *spec)
{
	for (size_t i = 0; i < sizeof(spec_rows) / sizeof(*spec_rows); i++)
		if (strcmp(spec_rows[i].key, key) == 0) {
			spec_rows[i].read(L, spec);
			return;
		}
	luaL_error(L, "a request has no option \"%s\" (there are partial, last, big, body, token)", key);
}

void request_spec_read(lua_State *L, int index, struct request_spec *ret_spec)
{
	struct play *play = play_of(L);

	*ret_spec = (struct request_spec){.kind = REQUEST_WHOLE};
	if (!lua_isnoneornil(L, index)) {
		luaL_checktype(L, index, LUA_TTABLE);
		lua_pushnil(L);
		for (; lua_next(L, index); lua_pop(L, 1))
			spec_key(L,
				 lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2),
				 ret_spec);
	}
	if (!*ret_spec->token)
		(void)snprintf(ret_spec->token, sizeof(ret_spec->token), "s%" PRIu64 "-%08" PRIx32,
			       ++play->serial, (uint32_t)rng_next(stage_rng(play->stage)));
}

void request_build(lua_State *L, const struct request_spec *spec, struct buf *ret_bytes)
{
	const struct protocol *protocol = stage_protocol(play_of(L)->stage);
	int code = -ENOTSUP;

	if (protocol->request && (!spec->partial || protocol->offers & PROTOCOL_PARTIAL))
		code = protocol->request(protocol, spec->kind, spec->token, spec->bytes, ret_bytes);
	if (code == 0 && ret_bytes->size >= (spec->partial ? 2u : 1u))
		return;
	buf_free(ret_bytes);
	if (code == -ENOTSUP)
		luaL_error(L, "protocol %s has no %srequest", protocol->name,
			   spec->partial		? "partial "
			   : spec->kind == REQUEST_BIG	? "big "
			   : spec->kind == REQUEST_BODY ? "body of a "
							: "");
	luaL_error(L, "protocol %s could not make a request: %s", protocol->name,
		   code && errno_name(code) ? errno_name(code) : "it is empty");
}

size_t request_half(size_t size)
{
	return size / 2;
}

double timeout_read(lua_State *L, int index, double otherwise)
{
	if (lua_isnoneornil(L, index))
		return otherwise;
	luaL_checktype(L, index, LUA_TTABLE);
	lua_pushnil(L);
	for (; lua_next(L, index); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "timeout") != 0)
			luaL_error(L, "the only option is timeout");
		if (lua_type(L, -1) != LUA_TNUMBER || !(lua_tonumber(L, -1) >= 0))
			luaL_error(L, "timeout must be a number of seconds");
		otherwise = lua_tonumber(L, -1);
	}
	return otherwise;
}
