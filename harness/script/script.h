/* SPDX-License-Identifier: MIT */
/* Lua: the only room that includes lua.h. Scenarios and protocols are files; settings too. */
#ifndef WRINGER_SCRIPT_SCRIPT_H
#define WRINGER_SCRIPT_SCRIPT_H

#include <stddef.h>
#include "base/error.h"
#include "peer/protocol.h"
#include "run/case.h"
#include "run/scenario.h"

/*
 * Where scenarios live: $WRINGER_DATA, else the installed folder (compiled in), else beside the binary's
 * source tree. The folder holds scenarios (.lua) and a folder protocols. Returns a static-lifetime path, NULL
 * when none exists.
 */
const char *script_folder(void);

/* A catalogue of scenarios, sorted by name. */
struct catalogue;
/* Loads every *.lua of a folder (not its subfolders; NULL: none). A broken file is an error: file, line,
 * message. */
int catalogue_load(const char *folder, struct catalogue **ret_catalogue, struct error *error);
/* Adds one file; -EEXIST when the name is taken. */
int catalogue_add(struct catalogue *catalogue, const char *file, struct error *error);
size_t catalogue_count(const struct catalogue *catalogue);
const struct scenario *catalogue_at(const struct catalogue *catalogue, size_t index);
void catalogue_free(struct catalogue *catalogue);

/* A protocol by name (folder/protocols/NAME.lua) or path of a .lua file, with settings (-D) it may read. Free
 * with protocol_free. */
int protocol_load(const char *name, const char *folder, const struct run_setting *settings,
		  size_t setting_count, struct protocol **ret_protocol, struct error *error);
void protocol_free(struct protocol *protocol);
/* Appends the comment at the top of its file, as one paragraph: what is asked, and which settings it reads. 0
 * or a negative errno. */
int protocol_comment(const char *name, const char *folder, struct buf *text, struct error *error);
/* Names and docs of all in folder/protocols, for `list`. Calls each for every one. */
int protocol_each(const char *folder, void (*each)(void *arg, const char *name, const char *doc), void *arg,
		  struct error *error);

/* wringer.lua: a table of option = value; calls each with the option's long name and its value as text. Order
 * of the file is not kept. */
int config_load(const char *file,
		int (*each)(void *arg, const char *option, const char *value, struct error *error), void *arg,
		struct error *error);

#endif
