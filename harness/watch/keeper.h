/* SPDX-License-Identifier: MIT */
/*
 * The keeper: a small process between the harness and a target that is not traced. Whatever the target forks
 * and orphans becomes the keeper's child, so that the end of the last of them is known, and so that none
 * outlives the harness.
 *
 *     harness ── control (socketpair) ── keeper ── target ── workers
 */
#ifndef WRINGER_WATCH_KEEPER_H
#define WRINGER_WATCH_KEEPER_H

#include "watch/spawn.h"

/* What the keeper says; end of file follows the last process. */
struct keeper_word {
	enum { KEEPER_STARTED, KEEPER_ENDED } kind; /* of the target's first process */
	pid_t pid;
	int status; /* ENDED: as waitpid gives it; STARTED: a negative errno instead of a pid when fork failed
		     */
};

/*
 * The keeper's whole life, in a child of the harness. Starts the target, says STARTED, and reaps once a byte
 * comes (so that the harness can open a pidfd first). When control is shut down or closed at the other end it
 * kills everything.
 */
_Noreturn void keeper_run(int control, struct spawn *spawn);

#endif
