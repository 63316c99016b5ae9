/* SPDX-License-Identifier: MIT */
/*
 * Between the engine, which makes schedules up, and whoever tries them: shared memory, and a socket on which
 * a byte says "try it" one way and "done" the other.
 *
 *     engine ── input, size ──► case (a server, many tries) ── counters ──► engine
 *
 * There are several cases, of which one at a time tries. When the socket is closed the search is over.
 */
#ifndef WRINGER_HUNT_LINE_H
#define WRINGER_HUNT_LINE_H

#include <stdint.h>
#include "inject/schedule.h"

#define LINE_MOVES    12u /* of one try: more take longer than they tell */
#define LINE_INPUT    (SCHEDULE_HEAD + LINE_MOVES * MOVE_SIZE)
#define LINE_COUNTERS 4096u
#define LINE_TRIES    512u /* of one server */
#define LINE_TURNS    6u   /* servers at once: one that is tried, one that is ready, others that are judged */

/* How the engine is told of its line: "SOCKET,MEMORY", two descriptors. */
#define LINE_VARIABLE "WRINGER_FUZZ_LINE"

/* One try, remembered until its server was judged. */
struct line_try {
	uint64_t number; /* 1 … */
	uint64_t at;	 /* ns since its case began */
	uint32_t size;
	uint8_t bytes[LINE_INPUT];
};

enum turn_state {
	TURN_NONE,
	TURN_WAITS, /* its server starts, or is ready */
	TURN_TRIES,
	TURN_OVER /* it is judged */
};

/* One server's. */
struct line_turn {
	_Atomic uint32_t state;
	uint32_t count;
	uint32_t suspicion; /* PENDING_* (run/pending.h) that ended it, 0 none */
	struct line_try tries[LINE_TRIES];
};

struct line {
	uint32_t size;
	uint8_t input[LINE_INPUT];
	uint8_t counters[LINE_COUNTERS];

	/* of the search, for whoever tells people */
	uint64_t runs, moves;
	uint32_t features; /* counters that were ever other than 0 */
	uint8_t seen[LINE_COUNTERS];

	/* of whose turn it is, and left to the next */
	uint32_t most;	/* tries of a server */
	uint32_t asked; /* the engine waits for a reply */
	uint32_t engine_over;

	_Atomic uint32_t holder;  /* 1 + the turn of the case that has the baton (hunt/batch.h), 0 nobody */
	_Atomic uint32_t trusted; /* PENDING_* that came to nothing too often to end a turn */
	_Atomic uint32_t halt;	  /* no more tries for now */
	struct line_turn turns[LINE_TURNS];
};

#endif
