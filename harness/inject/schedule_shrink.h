/* SPDX-License-Identifier: MIT */
/* The fewest moves that still do it. */
#ifndef WRINGER_INJECT_SCHEDULE_SHRINK_H
#define WRINGER_INJECT_SCHEDULE_SHRINK_H

#include "inject/schedule.h"

/*
 * Leaves moves out, half of them, a quarter … one at a time, as long as `breaks` says yes of what is left.
 * moves (SCHEDULE_MOST bytes) are the schedule's own. At most so many questions are asked (0: as many as it
 * takes); how many were is returned.
 */
size_t schedule_shrink(struct schedule *schedule, uint8_t *moves,
		       bool (*breaks)(void *arg, const struct schedule *schedule), void *arg, size_t most);

#endif
