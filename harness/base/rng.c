/* SPDX-License-Identifier: MIT */
/* SplitMix64 (Steele, Lea, Flood 2014): one word of state, every seed is a good one. */
#include "base/rng.h"

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed, const char *actor)
{
	uint64_t state = mix(seed);

	for (const char *at = actor; *at; at++)
		state = mix(state ^ (unsigned char)*at);
	rng->state = state;
}

uint64_t rng_next(struct rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15ULL;
	return mix(rng->state);
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	if (bound == 0)
		return 0;
	/* Numbers of the last, incomplete stretch would favour small results: draw again. */
	uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
	uint64_t value;
	do
		value = rng_next(rng);
	while (value >= limit);
	return value % bound;
}
