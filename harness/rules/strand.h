/* SPDX-License-Identifier: MIT */
/* The lines of one finding's evidence as they are gathered: repetitions folded, the middle left out when
 * there are too many. */
#ifndef WRINGER_RULES_STRAND_H
#define WRINGER_RULES_STRAND_H

#include "rules/judge.h"

struct strand;

/* Room for `most` lines (at least 8) in the end, of which the first `head` are never left out. NULL: out of
 * memory. */
struct strand *strand_new(size_t most, size_t head);
/* Adds a copy. Lines that repeat a pattern of up to eight lines are counted instead. */
void strand_add(struct strand *strand, const struct evidence *line);
/* The lines, in order of time. The strand is empty afterwards. 0 or -ENOMEM. */
int strand_finish(struct strand *strand, struct evidence_list *ret_list);
void strand_free(struct strand *strand);

#endif
