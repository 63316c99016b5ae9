/* SPDX-License-Identifier: MIT */
/*
 * Between the engine, which makes schedules up, and whoever tries them: shared memory, and a socket on which
 * a byte says "try it" one way and "done" the other.
 *
 *     engine ── input, size ──► case (a server, many tries) ── counters ──► engine
 *
 * The engine waits while one server ends and the next one starts. When the socket is closed the search is
 * over.
 */
#ifndef WRINGER_HUNT_LINE_H
#define WRINGER_HUNT_LINE_H

#include <stdint.h>
#include "inject/schedule.h"

#define LINE_MOVES    12u /* of one try: more take longer than they tell */
#define LINE_INPUT    (SCHEDULE_HEAD + LINE_MOVES * MOVE_SIZE)
#define LINE_COUNTERS 4096u
#define LINE_TRIES    512u /* of one server */

/* How the engine is told of its line: "SOCKET,MEMORY", two descriptors. */
#define LINE_VARIABLE "WRINGER_FUZZ_LINE"

/* One try, remembered until its server was judged. */
struct line_try {
	uint64_t number; /* 1 … */
	uint64_t at;	 /* ns since its case began */
	uint32_t size;
	uint8_t bytes[LINE_INPUT];
};

struct line {
	uint32_t size;
	uint8_t input[LINE_INPUT];
	uint8_t counters[LINE_COUNTERS];

	/* of the search, for whoever tells people */
	uint64_t runs, moves;
	uint32_t features; /* counters that were ever other than 0 */
	uint8_t seen[LINE_COUNTERS];

	/* of this server */
	uint32_t count;
	uint32_t suspicion; /* PENDING_* (run/pending.h) that ended it, 0 none */
	uint32_t engine_over;
	struct line_try tries[LINE_TRIES];
};

#endif
