/* SPDX-License-Identifier: MIT */
/* Latencies: exact percentiles while no more than FIGURES_KEPT were added, of an even sample of all beyond
 * that. */
#ifndef WRINGER_PEER_CANARY_FIGURES_H
#define WRINGER_PEER_CANARY_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/rng.h"

#define FIGURES_KEPT 65536

struct figures {
	uint64_t *samples; /* in no order: reading the percentiles sorts them */
	size_t kept, capacity;
	uint64_t added, max;
	bool sorted;
	struct rng rng;
};

void figures_init(struct figures *figures, uint64_t seed);
/* Out of memory, the sample is left out of the percentiles. */
void figures_add(struct figures *figures, uint64_t ns);
/* The smallest sample that at least permille/1000 of them do not exceed; 0 when there is none. */
uint64_t figures_permille(struct figures *figures, unsigned permille);
void figures_clear(struct figures *figures); /* the memory stays */
void figures_free(struct figures *figures);

#endif
