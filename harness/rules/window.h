/* SPDX-License-Identifier: MIT */
/* How often something happened within the last stretch of time, in constant memory: sixteen slots that slide.
 */
#ifndef WRINGER_RULES_WINDOW_H
#define WRINGER_RULES_WINDOW_H

#include <stdint.h>

#define WINDOW_SLOTS 16

struct window {
	uint64_t newest; /* number of the newest slot */
	uint32_t sum;
	uint32_t slots[WINDOW_SLOTS];
};

/*
 * Counts one more at that time (which never goes back) and returns how many there were in the span that ends
 * there. It looks back over at least 15/16 of the span and never over more than all of it, so that it errs on
 * the quiet side.
 */
uint32_t window_count(struct window *window, uint64_t at, uint64_t span);

#endif
