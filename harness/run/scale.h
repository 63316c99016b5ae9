/* SPDX-License-Identifier: MIT */
/*
 * How a server grows: what one request, and the one wait before it, cost while more and more other
 * connections are open and silent. The server is not watched: that would be measured too.
 *
 *   idle   ○ ○ ○ ○ ○ … ○     opened once and never used again, in ever greater number
 *   askers ● ● ● ● ⇄ server  one asks and awaits the answer, then the next: a server that looks once more
 * where it has just answered finds nothing there, so each request costs it one wait
 */
#ifndef WRINGER_RUN_SCALE_H
#define WRINGER_RUN_SCALE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define SCALE_POINTS_MOST 16

struct scale_point {
	uint32_t idle;
	uint32_t requests;
	double cpu_us;	  /* CPU time of the server a request, the median of several stretches */
	double answer_us; /* from sending a request to having its answer, median */
	double late_us;	  /* the same, 99th percentile */
};

/* One server. */
struct scale_row {
	char target[64];
	struct scale_point points[SCALE_POINTS_MOST];
	size_t count;
	char end[160]; /* why it went no further; "" when it did not have to */
};

struct scale_order {
	const char *target, *path;
	const uint32_t *idle; /* rising */
	size_t count;
	const volatile sig_atomic_t *stop; /* ends it between two points; may be NULL */
};

/* How many idle connections a process of ours, and of the server, may hold: both limits of open files are
 * raised as far as they go. */
uint32_t scale_most(void);

/*
 * Starts the server (it speaks echo), measures at each point, ends it. A server that takes no more
 * connections ends the row early, with the reason. 0; -EINTR when stopped; or a negative errno with error: it
 * did not start, or did not answer.
 */
int scale_measure(const struct scale_order *order, struct scale_row *ret_row, struct error *error);

#endif
