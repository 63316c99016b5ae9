/* SPDX-License-Identifier: MIT */
/* A script as a scenario of wringer's, to be played on the real kernel. */
#ifndef FUZZ_SERVER_LUA_H
#define FUZZ_SERVER_LUA_H

#include "base/buf.h"
#include "fuzz/server/script.h"

/* The file's text; name is its stem. 0 or -ENOMEM. */
int lua_scenario(const struct script *script, const char *name, const char *rule, const char *message,
		 struct buf *out);
/*
 * Writes it to FOLDER/fuzz-RULE-HASH.lua, and as bytes for the fuzzer beside it, without the ending. Neither
 * is ever overwritten: the same script has the same name. Returns whether it stands there; path (of size
 * bytes) is filled.
 */
bool lua_write(const struct script *script, const char *folder, const char *rule, const char *message,
	       char *path, size_t size);

#endif
