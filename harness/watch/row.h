/* SPDX-License-Identifier: MIT */
/* The table of calls: one row each, found by the machine's number. */
#ifndef WRINGER_WATCH_ROW_H
#define WRINGER_WATCH_ROW_H

#include "watch/decode.h"
#include "watch/numbers.h"

/* How the stops of a call are handled. */
enum row_kind {
	ROW_PLAIN,     /* journalled when it returns */
	ROW_WAIT,      /* and when it is entered */
	ROW_CLOSE,     /* journalled before the kernel acts, see call.c */
	ROW_RING,      /* io_uring_enter: a wait when it waits for completions */
	ROW_RESTART,   /* restart_syscall: the interrupted call goes on */
	ROW_SIGACTION, /* not journalled: tells whether a signal interrupts or restarts calls */
	ROW_SECCOMP,   /* prctl and seccomp, not journalled: the target forbids itself calls */
	ROW_UNKNOWN,
};

struct row {
	enum call call;
	int number;
	enum row_kind kind;
	uint8_t fd;	 /* argument that is event->fd, or ARG_NONE */
	uint8_t copy[3]; /* arguments that become event->arg[0..2]: ARG_NONE, a number (an int), or ARG_WIDE
			    of it */
	decode_fn enter, leave;
};

#define ARG_NONE    0xffu
#define ARG_WIDE(n) (0x10u | (n))

struct row_index {
	const struct row *row[NUMBER_END];
};

void row_index_build(struct row_index *index);
/* For a number without a row, or of another architecture. */
extern const struct row row_unknown;
/* The row of one of our own calls, NULL when this machine lacks it. */
const struct row *row_of(enum call call);

/* Fills a fresh event of that call with fd and plain arguments. */
void row_fill(const struct call_state *state, struct event *event);

#endif
