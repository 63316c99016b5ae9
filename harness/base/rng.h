/* SPDX-License-Identifier: MIT */
/* Seeded random numbers, one generator for each actor, so that a seed replays a run's choices. */
#ifndef WRINGER_BASE_RNG_H
#define WRINGER_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

/* A generator for one actor: the same seed and name give the same numbers, another name others. */
void rng_init(struct rng *rng, uint64_t seed, const char *actor);
uint64_t rng_next(struct rng *rng);
/* Uniform in 0 … bound-1; bound 0 gives 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

#endif
