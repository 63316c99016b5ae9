/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "rules/strand.h"

#define PERIOD_MAX 8 /* lines of a pattern: a wakeup, what it led to, and both sides of it */
#define SLACK	   (2 * PERIOD_MAX)

struct strand {
	struct evidence *lines;
	size_t count, capacity, most, head;
	size_t fresh;	  /* lines at the end that may still become a pattern */
	uint64_t dropped; /* lines left out behind the head */
	/* While a pattern repeats: it is the last `period` lines, `at` of its next copy are here already. */
	size_t period, at;
	uint64_t times[PERIOD_MAX];
	uint64_t repeats, last;
};

struct strand *strand_new(size_t most, size_t head)
{
	struct strand *strand = calloc(1, sizeof(*strand));

	if (!strand)
		return NULL;
	strand->most = most < 8 ? 8 : most;
	strand->head = head < strand->most / 2 ? head : strand->most / 2;
	strand->capacity = 2 * strand->most + 2 * SLACK;
	strand->lines = calloc(strand->capacity, sizeof(*strand->lines));
	if (!strand->lines) {
		free(strand);
		return NULL;
	}
	return strand;
}

/* Leaves out what stands between the head and the last `keep` lines. */
static void strand_cut(struct strand *strand, size_t keep)
{
	size_t gone;

	if (strand->count <= strand->head + keep)
		return;
	gone = strand->count - strand->head - keep;
	memmove(&strand->lines[strand->head], &strand->lines[strand->head + gone],
		keep * sizeof(*strand->lines));
	strand->count -= gone;
	strand->dropped += gone;
	if (strand->fresh > keep)
		strand->fresh = keep;
}

static void strand_push(struct strand *strand, const struct evidence *line)
{
	if (strand->count == strand->capacity)
		strand_cut(strand, strand->most + SLACK);
	strand->lines[strand->count++] = *line;
	strand->fresh++;
}

static bool same(const struct evidence *a, const struct evidence *b)
{
	return a->side == b->side && strcmp(a->text, b->text) == 0;
}

/* Whether the last lines are some pattern twice; then the second copy is taken away and counted. */
static void pattern_begin(struct strand *strand)
{
	for (size_t period = 1; period <= PERIOD_MAX && 2 * period <= strand->fresh; period++) {
		const struct evidence *end = &strand->lines[strand->count];
		size_t i = 1;

		while (i <= period && same(end - i, end - i - period))
			i++;
		if (i <= period)
			continue;
		strand->last = end[-1].at;
		strand->count -= period;
		strand->fresh -= period;
		strand->period = period;
		strand->at = 0;
		strand->repeats = 1;
		return;
	}
}

/* "…" first: the reports give such a line no time of its own. */
static void fold_text(const struct strand *strand, struct evidence *fold)
{
	double until = clock_seconds(strand->last);

	if (strand->period > 1)
		snprintf(fold->text, sizeof(fold->text),
			 "… these %zu lines %" PRIu64 " more times until %.3f s", strand->period,
			 strand->repeats, until);
	else if (strand->repeats > 1)
		snprintf(fold->text, sizeof(fold->text), "… %" PRIu64 " more of the same until %.3f s",
			 strand->repeats, until);
	else
		snprintf(fold->text, sizeof(fold->text), "… once more at %.3f s", until);
}

/* The pattern is broken: says how often it came, and gives back the lines of a copy that was not whole. */
static void pattern_end(struct strand *strand)
{
	struct evidence begun[PERIOD_MAX];
	struct evidence fold = {.at = strand->last};
	size_t at = strand->at;

	if (!strand->period)
		return;
	for (size_t i = 0; i < at; i++) {
		begun[i] = strand->lines[strand->count - strand->period + i];
		begun[i].at = strand->times[i];
	}
	fold.side = strand->lines[strand->count - 1].side;
	fold_text(strand, &fold);
	strand->period = 0;
	strand_push(strand, &fold);
	strand->fresh = 0;
	for (size_t i = 0; i < at; i++)
		strand_push(strand, &begun[i]);
}

void strand_add(struct strand *strand, const struct evidence *line)
{
	if (strand->period) {
		if (same(line, &strand->lines[strand->count - strand->period + strand->at])) {
			strand->times[strand->at++] = line->at;
			if (strand->at < strand->period)
				return;
			strand->at = 0;
			strand->repeats++;
			strand->last = line->at;
			return;
		}
		pattern_end(strand);
	}
	strand_push(strand, line);
	pattern_begin(strand);
}

/* Nearly in order already: only a sleep is told after it is over. */
static void strand_sort(struct strand *strand)
{
	for (size_t i = 1; i < strand->count; i++) {
		struct evidence line = strand->lines[i];
		size_t to = i;

		for (; to > 0 && strand->lines[to - 1].at > line.at; to--)
			strand->lines[to] = strand->lines[to - 1];
		strand->lines[to] = line;
	}
}

int strand_finish(struct strand *strand, struct evidence_list *ret_list)
{
	struct evidence *lines;
	size_t head, out = 0;

	pattern_end(strand);
	strand_sort(strand);
	if (strand->count > strand->most || strand->dropped)
		strand_cut(strand, strand->most - strand->head - 1);
	lines = calloc(strand->count + 1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	head = strand->dropped ? strand->head : strand->count;
	for (size_t i = 0; i < strand->count; i++) {
		if (i == head) {
			struct evidence *gap = &lines[out++];

			*gap = (struct evidence){.at = strand->lines[i].at, .side = strand->lines[i].side};
			snprintf(gap->text, sizeof(gap->text), "… %" PRIu64 " lines left out",
				 strand->dropped);
		}
		lines[out++] = strand->lines[i];
	}
	*ret_list = (struct evidence_list){.lines = lines, .count = out, .capacity = strand->count + 1};
	strand->count = strand->fresh = 0;
	strand->dropped = 0;
	return 0;
}

void strand_free(struct strand *strand)
{
	if (!strand)
		return;
	free(strand->lines);
	free(strand);
}
