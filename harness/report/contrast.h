/* SPDX-License-Identifier: MIT */
/* Targets side by side: for each scenario a table, a line a target, of what they were told and what they did.
 */
#ifndef WRINGER_REPORT_CONTRAST_H
#define WRINGER_REPORT_CONTRAST_H

#include "base/buf.h"
#include "report/style.h"
#include "run/result.h"

struct contrast;

/* NULL: out of memory. */
struct contrast *contrast_new(void);
/* One more case; a copy is kept of what is needed. 0 or -ENOMEM. */
int contrast_add(struct contrast *contrast, const struct result *result);

struct contrast_order {
	const char *const *targets; /* names, in the order in which they are to stand */
	size_t target_count;
	/* The one line that says what a scenario is about; "" or NULL for none. */
	const char *(*doc)(void *arg, const char *scenario);
	void *arg;
};

/*
 * Appends the tables, by scenario. What differs from the first target's line is marked. Of several peers and
 * rounds the commonest text and the median figure stand for all. 0 or -ENOMEM.
 */
int contrast_put(const struct contrast *contrast, const struct contrast_order *order,
		 const struct style *style, struct buf *out);
void contrast_free(struct contrast *contrast); /* NULL is fine */

#endif
