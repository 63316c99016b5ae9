/* SPDX-License-Identifier: MIT */
/*
 * A batch: one server, started, asked, tried with one schedule after the other as long as it seems healthy,
 * then judged like any case. What needs time to be judged has it at the end, when the server is left alone;
 * what looks like a finding ends the batch at once, with the peers that show it still there.
 *
 * Several batches are under way, for much of that is waiting; but one at a time tries, the one that has the
 * baton, a byte in a pipe:
 *
 *     server 1   start ─ tries ─ judged ─────────┐
 *     server 2      start ─ · ─ tries ─ judged ──┼─► the search
 *     server 3                  start ─ · ─ tries ─ …
 */
#ifndef WRINGER_HUNT_BATCH_H
#define WRINGER_HUNT_BATCH_H

#include "hunt/line.h"
#include "run/scenario.h"

struct batch {
	struct line *line;
	int socket;	/* our end of the line */
	int baton[2];	/* a pipe, its reading end non-blocking */
	uint32_t turn;	/* which of line->turns is ours */
	uint64_t runs;	/* of the whole search, 0: no limit */
	uint64_t until; /* clock_now() time at which the search ends, 0: never */
};

/* Lets a case take the baton. */
void batch_pass_baton(const struct batch *batch);
/* Whether the search has no more to try: its runs or its time are over, the engine has ended, or it halts. */
bool batch_search_over(const struct batch *batch);

/* The scenario of a batch, whose struct batch must outlive it. */
struct scenario batch_scenario(struct batch *batch);
/* The scenario of one schedule on a fresh server; it must outlive it too. */
struct scenario batch_again(const struct schedule *schedule);

#endif
