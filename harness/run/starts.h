/* SPDX-License-Identifier: MIT */
/*
 * Which targets are worth starting once more. One that never came to answer, in its first cases and in no
 * other, would say the same in each of the sixty that follow, ten seconds of patience at a time.
 */
#ifndef WRINGER_RUN_STARTS_H
#define WRINGER_RUN_STARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "run/result.h"

#define STARTS_ENOUGH 3 /* cases in which a target was not ready before it is given up */

struct start_record {
	const char *target; /* borrowed: the case's target_name */
	uint32_t ready, unready, left_out;
};

struct starts {
	struct start_record *records;
	size_t count, capacity;
};

/* Counts what a case came to; a skipped one says nothing. 0 or -ENOMEM. */
int starts_note(struct starts *starts, const char *target, const struct result *result);
/* Whether the target was given up. If so this case of it is left out, and counted. */
bool starts_leave_out(struct starts *starts, const char *target);
void starts_free(struct starts *starts);

#endif
