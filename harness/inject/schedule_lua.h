/* SPDX-License-Identifier: MIT */
/* A schedule as a scenario of wringer's, to be played on the real kernel. */
#ifndef WRINGER_INJECT_SCHEDULE_LUA_H
#define WRINGER_INJECT_SCHEDULE_LUA_H

#include "base/buf.h"
#include "inject/schedule.h"

/* How many times more bytes a request asks for on a machine than the schedule says. */
#define SCHEDULE_LIVE_SCALE 4u
/* What its sockets may hold there, each way. */
#define SCHEDULE_LIVE_BUFFER 32768

/* What the scenario says of itself. */
struct schedule_story {
	const char *rule, *message, *protocol;
	bool simulated; /* found in the simulation: sizes and times are its own */
};

/* Room for the name of a scenario: "fuzz-RULE-HASH". */
#define SCHEDULE_NAME 64
/* The same schedule has the same name for the same rule. Returns out. */
char *schedule_name(const struct schedule *schedule, const struct schedule_story *story, char *out,
		    size_t size);

/* The file's text; name is its stem. 0 or -ENOMEM. */
int schedule_lua(const struct schedule *schedule, const struct schedule_story *story, const char *name,
		 struct buf *out);
/*
 * Writes it to FOLDER/fuzz-RULE-HASH.lua, and, of a simulated one, the bytes for the fuzzer beside it,
 * without the ending. Neither is ever overwritten: the same schedule has the same name. 0 when it stands
 * there, or a negative errno; path (of size bytes) is filled.
 */
int schedule_write(const struct schedule *schedule, const struct schedule_story *story, const char *folder,
		   char *path, size_t size);

#endif
