/* SPDX-License-Identifier: MIT */
/* Faults under a target that nobody plays a scenario against: all at once, from its start to its end. */
#ifndef WRINGER_RUN_OBSERVE_FAULT_H
#define WRINGER_RUN_OBSERVE_FAULT_H

#include "inject/fault.h"
#include "journal/journal.h"

/* The caller's; ids are filled by arming. */
struct observe_faults {
	const struct fault *items;
	size_t count;
	uint32_t *ids; /* NULL: not armed */
};

/* Arms and journals them. 0, or a negative errno of the set or the journal. */
int observe_arm(struct observe_faults *faults, struct fault_set *set, struct journal *journal);
/*
 * Lifts those that were armed, and journals how often each struck. Names the first that never did, as a
 * reason; an empty one when all did, or there is none.
 */
void observe_lift(struct observe_faults *faults, struct fault_set *set, struct journal *journal,
		  char *ret_reason, size_t size);

#endif
