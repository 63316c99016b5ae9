/* SPDX-License-Identifier: MIT */
/* The children of this process: a suite leaves none behind, whoever made them. */
#ifndef WRINGER_RUN_BROOD_H
#define WRINGER_RUN_BROOD_H

#include <stddef.h>
#include <sys/types.h>

struct brood {
	pid_t *pids;
	size_t count, capacity;
};

/* The children this process has now. 0 or a negative errno. */
int brood_list(struct brood *ret_brood);
void brood_free(struct brood *brood);

/*
 * Kills and reaps every child that is not in keep, and what falls to us when those die (we must be the
 * subreaper). Gives up on one that cannot be killed.
 */
void brood_kill(const struct brood *keep);

#endif
