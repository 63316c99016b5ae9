/* SPDX-License-Identifier: MIT */
/*
 * What Linux promises of sequences, which one mask cannot say: one-shot, edges, duplicates, errnos in order.
 * And common beliefs with the sequence that refutes each. As data; `wringer truth` performs them.
 */
#ifndef WRINGER_MODEL_STORY_H
#define WRINGER_MODEL_STORY_H

#include <stdbool.h>

struct story_row {
	const char *name;   /* stable, for machines */
	bool belief;	    /* it is wrong, and the sequence shows so */
	const char *says;   /* the promise, or the belief */
	const char *expect; /* what is observed, steps separated by ", "; a mask, "-" for no event, NAME of an
			       errno, what was done in front of it with a colon */
	const char *source;
};
extern const struct story_row story_rows[]; /* ends with a NULL name */

/* NULL: no such row. */
const struct story_row *story_row_find(const char *name);

#endif
