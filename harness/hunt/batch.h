/* SPDX-License-Identifier: MIT */
/*
 * A batch: one server, started, asked, tried with one schedule after the other as long as it seems healthy,
 * then judged like any case. What needs time to be judged has it at the end, when the server is left alone;
 * what looks like a finding ends the batch at once, with the peers that show it still there.
 */
#ifndef WRINGER_HUNT_BATCH_H
#define WRINGER_HUNT_BATCH_H

#include "hunt/line.h"
#include "run/scenario.h"

struct batch {
	struct line *line;
	int socket;	  /* our end of the line */
	uint32_t most;	  /* tries of this server */
	uint64_t runs;	  /* of the whole search, 0: no limit */
	uint64_t until;	  /* clock_now() time at which the search ends, 0: never */
	uint32_t trusted; /* PENDING_* that came to nothing too often to end a batch */
};

/* The scenario of a batch, whose struct batch must outlive it. */
struct scenario batch_scenario(struct batch *batch);
/* The scenario of one schedule on a fresh server; it must outlive it too. */
struct scenario batch_again(const struct schedule *schedule);

#endif
