/* SPDX-License-Identifier: MIT */
/*
 * The tables of model/mask.h and model/story.h held against the running kernel: each state is performed and
 * asked about in every way, each sequence is played; what was observed stands beside what was predicted.
 */
#ifndef WRINGER_RUN_TRUTH_H
#define WRINGER_RUN_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "model/mask.h"
#include "model/story.h"

enum truth_verdict {
	TRUTH_SAME,
	TRUTH_DIFFERS,
	TRUTH_SKIPPED, /* refused here: see the reason */
	TRUTH_BROKEN,  /* the state could not be brought about */
	TRUTH_VERDICTS,
};
/* "same", "differs", "skipped", "broken". */
const char *truth_verdict_name(enum truth_verdict verdict);

struct truth_answer {
	struct mask_answer predicted;
	int failed;    /* 0, or the negative errno of the asking: nothing was observed */
	uint32_t mask; /* or, where predicted.number, */
	int32_t value;
	bool same;
};

struct truth_state_row {
	const struct mask_row *model;
	enum truth_verdict verdict;
	char reason[96]; /* of what was not asked */
	struct truth_answer answers[WAY_COUNT];
};

struct truth_story_row {
	const struct story_row *model;
	enum truth_verdict verdict;
	char reason[96];
	struct buf observed;
};

struct truth {
	struct truth_state_row *states;
	struct truth_story_row *stories;
	size_t state_count, story_count;
	size_t counts[TRUTH_VERDICTS];
	double seconds;
};

/* Performs everything. 0 with *ret_truth, or -ENOMEM. */
int truth_take(struct truth *ret_truth);
void truth_free(struct truth *truth);

#endif
