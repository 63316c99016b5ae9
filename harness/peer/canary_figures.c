/* SPDX-License-Identifier: MIT */
#include "peer/canary_figures.h"

#include <stdlib.h>
#include "base/buf.h"

void figures_init(struct figures *figures, uint64_t seed)
{
	*figures = (struct figures){0};
	rng_init(&figures->rng, seed, "figures");
}

/*
 * Vitter's reservoir: the n-th sample takes a random place among n, and is kept if that is one of ours. So
 * each has the same chance, and the order of those kept means nothing.
 */
void figures_add(struct figures *figures, uint64_t ns)
{
	figures->added++;
	figures->sorted = false;
	if (ns > figures->max)
		figures->max = ns;
	if (figures->kept < FIGURES_KEPT) {
		uint64_t *samples =
		    array_grow(figures->samples, figures->kept, &figures->capacity, sizeof *samples);
		if (!samples)
			return;
		figures->samples = samples;
		figures->samples[figures->kept++] = ns;
		return;
	}
	uint64_t place = rng_below(&figures->rng, figures->added);
	if (place < FIGURES_KEPT)
		figures->samples[place] = ns;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t figures_permille(struct figures *figures, unsigned permille)
{
	if (!figures->kept)
		return 0;
	if (!figures->sorted)
		qsort(figures->samples, figures->kept, sizeof *figures->samples, ascending);
	figures->sorted = true;
	size_t rank = (figures->kept * permille + 999) / 1000;
	return figures->samples[rank ? rank - 1 : 0];
}

void figures_clear(struct figures *figures)
{
	figures->kept = 0;
	figures->added = 0;
	figures->max = 0;
}

void figures_free(struct figures *figures)
{
	free(figures->samples);
	figures->samples = NULL;
	figures->kept = figures->capacity = 0;
}
