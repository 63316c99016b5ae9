/* SPDX-License-Identifier: MIT */
#include "script/scenario_file.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "script/folder.h"
#include "script/lua_box.h"
#include "script/play.h"
#include "script/script.h"
#include "script/use.h"

#define NAME_MOST 60

/* A file while it is read. */
struct reading {
	const char *file;
	const struct buf *source;
	struct scenario *scenario;
	int line; /* of the call of scenario { } */
};

static int reading_fail(lua_State *L, const struct reading *reading, const char *key, const char *what)
{
	return source_error(L, reading->file, reading->source->data, key, reading->line, "%s", what);
}

static const char *reading_text(lua_State *L, const struct reading *reading, const char *key)
{
	if (lua_type(L, -1) != LUA_TSTRING || !*lua_tostring(L, -1)) {
		source_error(L, reading->file, reading->source->data, key, reading->line,
			     "%s must be a text, not %s", key, luaL_typename(L, -1));
	}
	return lua_tostring(L, -1);
}

static char *copy(lua_State *L, const char *text)
{
	char *copied = strdup(text);

	if (!copied)
		luaL_error(L, "out of memory");
	return copied;
}

static void read_doc(lua_State *L, struct reading *reading)
{
	reading->scenario->doc = copy(L, reading_text(L, reading, "doc"));
	if (strchr(reading->scenario->doc, '\n'))
		reading_fail(L, reading, "doc", "doc must be one line (the rest belongs in why)");
}

static void read_why(lua_State *L, struct reading *reading)
{
	reading->scenario->why = copy(L, reading_text(L, reading, "why"));
}

static void read_needs(lua_State *L, struct reading *reading)
{
	struct scenario *scenario = reading->scenario;

	if (!lua_istable(L, -1))
		reading_fail(L, reading, "needs", "needs must be a table of words");
	lua_pushnil(L);
	for (; lua_next(L, -2); lua_pop(L, 1)) {
		const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
		if (!lua_isinteger(L, -2) || need_parse(word, &scenario->offers, &scenario->needs) < 0) {
			lua_pushfstring(L, "needs has an unknown word \"%s\"", word);
			reading_fail(L, reading, "needs", lua_tostring(L, -1));
		}
	}
}

static void read_fd_limit(lua_State *L, struct reading *reading)
{
	if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 8 || lua_tointeger(L, -1) > 1000000)
		reading_fail(L, reading, "fd_limit", "fd_limit must be a whole number from 8 to 1000000");
	reading->scenario->fd_limit = (uint64_t)lua_tointeger(L, -1);
}

static bool knob_name_fits(const char *name)
{
	return strncmp(name, "net/", 4) == 0 && !strstr(name, "..") &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-/") == strlen(name);
}

static void read_knobs(lua_State *L, struct reading *reading)
{
	struct scenario *scenario = reading->scenario;
	size_t capacity = 0;

	if (!lua_istable(L, -1))
		reading_fail(L, reading, "knobs", "knobs must be a table of [\"net/…\"] = value");
	lua_pushnil(L);
	for (; lua_next(L, -2); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1) ||
		    !knob_name_fits(lua_tostring(L, -2)))
			reading_fail(L, reading, "knobs", "knobs takes [\"net/…\"] = a text or a number");
		struct scenario_knob *knobs =
		    array_grow((void *)scenario->knobs, scenario->knob_count, &capacity, sizeof(*knobs));
		if (!knobs)
			luaL_error(L, "out of memory");
		scenario->knobs = knobs;
		knobs += scenario->knob_count;
		*knobs = (struct scenario_knob){0};
		scenario->knob_count++;
		knobs->name = copy(L, lua_tostring(L, -2));
		lua_pushvalue(L, -1); /* tostring changes a number in place: not under lua_next */
		knobs->value = copy(L, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	scenario->needs |= scenario->knob_count ? NEED_SANDBOX : 0;
}

static void read_run(lua_State *L, struct reading *reading)
{
	if (!lua_isfunction(L, -1))
		reading_fail(L, reading, "run", "run must be a function");
}

static void read_name(lua_State *L, struct reading *reading)
{
	char stem[PATH_MAX];
	const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
	size_t size = strlen(name);

	if (!size || size > NAME_MOST || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != size ||
	    *name == '-')
		reading_fail(L, reading, NULL, "a scenario's name is made of a-z, 0-9 and '-'");
	if (strcmp(folder_stem(reading->file, stem, sizeof(stem)), name) != 0) {
		lua_pushfstring(L, "the scenario is called \"%s\", the file \"%s\"", name, stem);
		reading_fail(L, reading, NULL, lua_tostring(L, -1));
	}
	reading->scenario->name = copy(L, name);
}

static const struct key_row {
	const char *key;
	void (*read)(lua_State *L, struct reading *reading);
	bool required;
} key_rows[] = {
    {"doc", read_doc, true},	  {"why", read_why, false},
    {"needs", read_needs, false}, {"fd_limit", read_fd_limit, false},
    {"knobs", read_knobs, false}, {"run", read_run, true},
};
#define KEY_ROWS (sizeof(key_rows) / sizeof(*key_rows))

static bool key_known(const char *key)
{
	for (size_t i = 0; i < KEY_ROWS; i++)
		if (strcmp(key_rows[i].key, key) == 0)
			return true;
	return false;
}

static void refuse_unknown(lua_State *L, struct reading *reading, int table)
{
	lua_pushnil(L);
	for (; lua_next(L, table); lua_pop(L, 1)) {
		if (lua_isinteger(L, -2) && lua_tointeger(L, -2) == 1)
			continue;
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
		if (key && key_known(key))
			continue;
		lua_pushfstring(L, "scenario has an unknown key %s%s%s", key ? "\"" : "",
				key ? key : luaL_typename(L, -2), key ? "\"" : "");
		reading_fail(L, reading, key, lua_tostring(L, -1));
	}
}

/* The function `scenario` of a scenario file: remembers where it was called and which table it got. */
static int scenario_call(lua_State *L)
{
	lua_Debug debug;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (lua_getstack(L, 1, &debug) && lua_getinfo(L, "l", &debug)) {
		lua_pushinteger(L, debug.currentline);
		lua_setfield(L, LUA_REGISTRYINDEX, "wringer.line");
	}
	lua_settop(L, 1);
	lua_pushvalue(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, "wringer.scenario");
	return 1;
}

/* Leaves the table on the stack; raises. */
static void scenario_execute(lua_State *L, struct reading *reading)
{
	lua_register(L, "scenario", scenario_call);
	use_register(L, reading->file, script_folder(), reading->scenario != NULL);
	box_compile(L, reading->file, reading->source);
	lua_call(L, 0, 1);
	lua_getfield(L, LUA_REGISTRYINDEX, "wringer.line");
	reading->line = (int)lua_tointeger(L, -1);
	lua_getfield(L, LUA_REGISTRYINDEX, "wringer.scenario");
	if (!lua_istable(L, -1) || !lua_rawequal(L, -1, -3)) {
		reading->line = reading->line ? reading->line : 1;
		reading_fail(L, reading, NULL, "the file must end with: return scenario { … }");
	}
	lua_pop(L, 2);
}

void scenario_file_run(lua_State *L, const char *file, const struct buf *source)
{
	struct reading reading = {.file = file, .source = source};

	scenario_execute(L, &reading);
	lua_getfield(L, -1, "run");
	lua_remove(L, -2);
}

static int scenario_read(lua_State *L)
{
	struct reading *reading = lua_touserdata(L, 1);

	scenario_execute(L, reading);
	int table = lua_gettop(L);
	lua_rawgeti(L, table, 1);
	read_name(L, reading);
	refuse_unknown(L, reading, table);
	for (size_t i = 0; i < KEY_ROWS; i++) {
		lua_settop(L, table);
		if (lua_getfield(L, table, key_rows[i].key) != LUA_TNIL) {
			key_rows[i].read(L, reading);
		} else if (key_rows[i].required) {
			lua_pushfstring(L, "scenario lacks the key \"%s\"", key_rows[i].key);
			reading_fail(L, reading, NULL, lua_tostring(L, -1));
		}
	}
	return 0;
}

int scenario_file_load(const char *file, struct scenario **ret_scenario, struct error *error)
{
	struct lua_box box = {0};
	struct buf source = {0};
	struct scenario *scenario = calloc(1, sizeof(*scenario));
	struct reading reading = {.file = file, .source = &source, .scenario = scenario};
	int code = scenario ? 0 : error_set(error, -ENOMEM, "out of memory");

	if (code == 0)
		code = box_read(file, &source, error);
	if (code == 0)
		code = box_open(&box, NULL, error);
	if (code == 0)
		code = box_protect(&box, scenario_read, &reading, error);
	if (code == 0 && !(scenario->file = strdup(file)))
		code = error_set(error, -ENOMEM, "out of memory");
	box_close(&box);
	buf_free(&source);
	if (code < 0) {
		scenario_file_free(scenario);
		return code;
	}
	scenario->play = play_scenario;
	*ret_scenario = scenario;
	return 0;
}

void scenario_file_free(struct scenario *scenario)
{
	if (!scenario)
		return;
	for (size_t i = 0; i < scenario->knob_count; i++) {
		free((char *)scenario->knobs[i].name);
		free((char *)scenario->knobs[i].value);
	}
	free((void *)scenario->knobs);
	free((char *)scenario->name);
	free((char *)scenario->doc);
	free((char *)scenario->why);
	free((char *)scenario->file);
	free(scenario);
}
