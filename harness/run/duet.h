/* SPDX-License-Identifier: MIT */
/*
 * The running kernel and its model side by side: each step of a script is performed on both, and what both
 * answer compared. `wringer truth --script` and fuzz/fuzz_model are this and little more.
 */
#ifndef WRINGER_RUN_DUET_H
#define WRINGER_RUN_DUET_H

#include <stdbool.h>
#include "model/step.h"

struct duet;

/*
 * Opens what it needs at high numbers and fills the holes below, so that the kernel's numbers are the model's
 * plus a constant. A network of its own keeps other people's ports out, where it may be had: pass alone.
 * SIGPIPE is ignored until duet_free. 0 or a negative errno.
 */
int duet_new(bool alone, struct duet **ret_duet);
void duet_free(struct duet *duet);

struct duet_result {
	bool differs;
	size_t step;	  /* the first that differs */
	size_t performed; /* steps that were compared */
	size_t left_out;  /* steps that mean nothing where they stand, or whose outcome buffer sizes decide */
};

/* Plays the steps in order up to the first difference, from nothing open to nothing open. 0, or a negative
 * errno when our side is broken (no memory, no fds). */
int duet_play(struct duet *duet, const struct script *script, struct duet_result *ret_result);

/* The steps of the last play with what the kernel answered behind each, a script again that comes to the
 * same: what was left out and, at a difference, what the model said are comments in it. 0 or -ENOMEM. */
int duet_print(const struct duet *duet, const struct script *script, const struct duet_result *result,
	       struct buf *out);

#endif
