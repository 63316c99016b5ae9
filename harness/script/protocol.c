/* SPDX-License-Identifier: MIT */
/* Protocol files: found, loaded, checked. Calling them is in protocol_calls.c. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "script/folder.h"
#include "script/protocol_file.h"
#include "script/scenario_file.h"
#include "script/script.h"
#include "script/use.h"
#include "script/view.h"

#define QUOTE_MOST 60

static int protocol_fail(lua_State *L, const struct protocol_file *file, const char *key, const char *what)
{
	lua_getfield(L, LUA_REGISTRYINDEX, "wringer.line");
	return source_error(L, file->file, file->source.data, key, (int)lua_tointeger(L, -1), "%s", what);
}

static char *copy_text(lua_State *L, const struct protocol_file *file, const char *key)
{
	char *text = lua_type(L, -1) == LUA_TSTRING ? strdup(lua_tostring(L, -1)) : NULL;

	if (!text)
		protocol_fail(L, file, key, "must be a text");
	return text;
}

static void read_doc(lua_State *L, struct protocol_file *file)
{
	file->doc = copy_text(L, file, "doc");
}

static void read_offers(lua_State *L, struct protocol_file *file)
{
	if (!lua_istable(L, -1))
		protocol_fail(L, file, "offers", "offers must be a table of words");
	lua_pushnil(L);
	for (; lua_next(L, -2); lua_pop(L, 1)) {
		const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
		uint32_t needs = 0;
		if (!lua_isinteger(L, -2) || need_parse(word, &file->protocol.offers, &needs) < 0 || needs) {
			lua_pushfstring(L, "offers has an unknown word \"%s\"", word);
			protocol_fail(L, file, "offers", lua_tostring(L, -1));
		}
	}
}

static void check_function(lua_State *L, const struct protocol_file *file, const char *key)
{
	if (!lua_isfunction(L, -1)) {
		lua_pushfstring(L, "%s must be a function", key);
		protocol_fail(L, file, key, lua_tostring(L, -1));
	}
}

static void read_request(lua_State *L, struct protocol_file *file)
{
	check_function(L, file, "request");
	file->protocol.request = protocol_file_request;
}

static void read_answer(lua_State *L, struct protocol_file *file)
{
	check_function(L, file, "answer");
	file->protocol.answer = protocol_file_answer;
}

static void read_closes(lua_State *L, struct protocol_file *file)
{
	check_function(L, file, "closes");
	file->protocol.closes = protocol_file_closes;
}

static void read_greeting(lua_State *L, struct protocol_file *file)
{
	check_function(L, file, "greeting");
	file->protocol.greeting = protocol_file_greeting;
}

static const struct key_row {
	const char *key;
	void (*read)(lua_State *L, struct protocol_file *file);
} key_rows[] = {
    {"doc", read_doc},	     {"offers", read_offers},	  {"request", read_request},
    {"answer", read_answer}, {"greeting", read_greeting}, {"closes", read_closes},
};

static void read_key(lua_State *L, struct protocol_file *file)
{
	const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

	if (lua_isinteger(L, -2) && lua_tointeger(L, -2) == 1) {
		file->name = copy_text(L, file, NULL);
		return;
	}
	for (size_t i = 0; key && i < sizeof(key_rows) / sizeof(*key_rows); i++)
		if (strcmp(key_rows[i].key, key) == 0) {
			key_rows[i].read(L, file);
			return;
		}
	lua_pushfstring(L, "protocol has an unknown key \"%s\"", key ? key : luaL_typename(L, -2));
	protocol_fail(L, file, key, lua_tostring(L, -1));
}

static void check_whole(lua_State *L, const struct protocol_file *file)
{
	char stem[PATH_MAX];
	const struct protocol *protocol = &file->protocol;

	if (!file->name || strcmp(folder_stem(file->file, stem, sizeof(stem)), file->name) != 0)
		protocol_fail(L, file, NULL, "a protocol has the name of its file");
	if (!file->doc)
		protocol_fail(L, file, NULL, "protocol lacks the key \"doc\"");
	if (protocol->offers & PROTOCOL_REQUEST && (!protocol->request || !protocol->answer))
		protocol_fail(L, file, "offers", "a protocol that offers requests has request and answer");
	if (protocol->offers & PROTOCOL_GREETS && !protocol->greeting)
		protocol_fail(L, file, "offers", "a protocol that greets has greeting");
}

/* The function `protocol` of the file. */
static int protocol_call(lua_State *L)
{
	lua_Debug debug;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (lua_getstack(L, 1, &debug) && lua_getinfo(L, "l", &debug)) {
		lua_pushinteger(L, debug.currentline);
		lua_setfield(L, LUA_REGISTRYINDEX, "wringer.line");
	}
	lua_settop(L, 1);
	lua_pushvalue(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, PROTOCOL_TABLE);
	return 1;
}

/* quote(text): short, printable, in quotation marks. */
static int protocol_quote(lua_State *L)
{
	size_t size;
	const unsigned char *text = (const unsigned char *)luaL_checklstring(L, 1, &size);
	luaL_Buffer out;

	luaL_buffinit(L, &out);
	luaL_addchar(&out, '"');
	for (size_t i = 0; i < size && i < QUOTE_MOST; i++) {
		char spelt[8];
		const char *plain = text[i] == '\n'   ? "\\n"
				    : text[i] == '\r' ? "\\r"
				    : text[i] == '"'  ? "\\\""
						      : NULL;
		if (!plain && text[i] >= ' ' && text[i] < 0x7f)
			(void)snprintf(spelt, sizeof(spelt), "%c", text[i]);
		else if (!plain)
			(void)snprintf(spelt, sizeof(spelt), "\\x%02x", text[i]);
		luaL_addstring(&out, plain ? plain : spelt);
	}
	luaL_addstring(&out, size > QUOTE_MOST ? "…\"" : "\"");
	luaL_pushresult(&out);
	return 1;
}

static void push_settings(lua_State *L, const struct protocol_file *file)
{
	lua_newtable(L);
	for (size_t i = 0; i < file->setting_count; i++) {
		lua_pushstring(L, file->settings[i].value);
		lua_setfield(L, -2, file->settings[i].name);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, PROTOCOL_SETTINGS);
	lua_setglobal(L, "settings");
}

static int protocol_read(lua_State *L)
{
	struct protocol_file *file = lua_touserdata(L, 1);

	view_open(L);
	file->view = view_push(L);
	lua_setfield(L, LUA_REGISTRYINDEX, PROTOCOL_VIEW);
	push_settings(L, file);
	lua_register(L, "protocol", protocol_call);
	lua_register(L, "quote", protocol_quote);
	use_register(L, file->file, file->folder, false);
	box_compile(L, file->file, &file->source);
	lua_call(L, 0, 1);
	lua_getfield(L, LUA_REGISTRYINDEX, PROTOCOL_TABLE);
	if (!lua_istable(L, -1) || !lua_rawequal(L, -1, -2))
		return luaL_error(L, "%s:1: the file must end with: return protocol { … }", file->file);
	lua_pushnil(L);
	for (; lua_next(L, -2); lua_pop(L, 1))
		read_key(L, file);
	check_whole(L, file);
	return 0;
}

static int protocol_open(const char *path, const char *folder, const struct run_setting *settings,
			 size_t setting_count, struct protocol_file *file, struct error *error)
{
	file->folder = folder;
	file->settings = settings;
	file->setting_count = setting_count;
	if (!(file->file = strdup(path)))
		return error_set(error, -ENOMEM, "out of memory");
	int code = box_read(path, &file->source, error);
	if (code == 0)
		code = box_open(&file->box, file, error);
	if (code == 0)
		code = box_protect(&file->box, protocol_read, file, error);
	file->folder = NULL; /* the caller's, as are the settings */
	file->settings = NULL;
	file->setting_count = 0;
	file->protocol.name = file->name;
	file->protocol.doc = file->doc;
	file->protocol.state = file;
	return code;
}

/* A path has a slash or ends in .lua; anything else is a name among folder/protocols. */
static int protocol_path(const char *name, const char *folder, char *out, size_t size, struct error *error)
{
	size_t length = strlen(name);
	bool path = strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".lua") == 0);

	if (!path && !folder)
		return error_set(error, -ENOENT, "there is no folder of scenarios to find protocol %s in",
				 name);
	int wanted =
	    path ? snprintf(out, size, "%s", name) : snprintf(out, size, "%s/protocols/%s.lua", folder, name);
	return wanted >= (int)size ? error_set(error, -ENAMETOOLONG, "%.40s…: too long a name", name) : 0;
}

/* A line of the comment at a file's top: joined to what is there. False behind its last. */
static bool join_comment(const char *line, struct buf *text)
{
	if (strncmp(line, "--", 2) != 0 || strncmp(line, "--[", 3) == 0)
		return false;
	line += 2 + strspn(line + 2, " ");
	if (strncmp(line, "SPDX", 4) != 0 && line[strspn(line, "\n")])
		(void)buf_printf(text, "%s%.*s", text->size ? " " : "", (int)strcspn(line, "\n"), line);
	return true;
}

int protocol_comment(const char *name, const char *folder, struct buf *text, struct error *error)
{
	char path[PATH_MAX], *line = NULL;
	int code = protocol_path(name, folder, path, sizeof(path), error);
	size_t size = 0;
	FILE *file;

	if (code < 0)
		return code;
	file = fopen(path, "re");
	if (!file)
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	while (getline(&line, &size, file) > 0 && join_comment(line, text))
		;
	free(line);
	(void)fclose(file);
	return 0;
}

int protocol_load(const char *name, const char *folder, const struct run_setting *settings,
		  size_t setting_count, struct protocol **ret_protocol, struct error *error)
{
	char path[PATH_MAX];
	int code = protocol_path(name, folder, path, sizeof(path), error);

	if (code < 0)
		return code;
	struct protocol_file *file = calloc(1, sizeof(*file));
	if (!file)
		return error_set(error, -ENOMEM, "out of memory");
	code = protocol_open(path, folder, settings, setting_count, file, error);
	if (code < 0) {
		protocol_free(&file->protocol);
		return code;
	}
	*ret_protocol = &file->protocol;
	return 0;
}

void protocol_free(struct protocol *protocol)
{
	struct protocol_file *file = (struct protocol_file *)protocol; /* its first member */

	if (!file)
		return;
	box_close(&file->box);
	buf_free(&file->source);
	free(file->name);
	free(file->doc);
	free(file->file);
	free(file);
}

int protocol_each(const char *folder, void (*each)(void *arg, const char *name, const char *doc), void *arg,
		  struct error *error)
{
	char place[PATH_MAX];
	char **paths = NULL;
	size_t count = 0;

	(void)snprintf(place, sizeof(place), "%s/protocols", folder);
	int code = folder_list(place, &paths, &count, error);
	for (size_t i = 0; code == 0 && i < count; i++) {
		struct protocol *protocol;
		code = protocol_load(paths[i], folder, NULL, 0, &protocol, error);
		if (code < 0)
			break;
		each(arg, protocol->name, protocol->doc);
		protocol_free(protocol);
	}
	folder_free(paths, count);
	return code;
}
