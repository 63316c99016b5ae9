/* SPDX-License-Identifier: MIT */
/* The target's first process, from fork to exec. A spawn that fails says at which step and why, through a
 * close-on-exec pipe. */
#ifndef WRINGER_WATCH_SPAWN_H
#define WRINGER_WATCH_SPAWN_H

#include <linux/filter.h>
#include "watch/watch.h"

struct spawn {
	const struct watch_target *target;
	const struct sock_fprog *filter; /* NULL: none */
	int go[2];			 /* the child starts when a byte comes, ends when the pipe does */
	int report[2];
};

/* Makes the pipes. 0 or negative errno; spawn_close takes a half-made one too. */
int spawn_open(struct spawn *spawn, const struct watch_target *target, const struct sock_fprog *filter);
void spawn_close(struct spawn *spawn);
/* The child's part, after fork: waits for the go, then becomes the target. Async-signal-safe. */
_Noreturn void spawn_child(struct spawn *spawn);
/* Lets the child go. */
void spawn_release(struct spawn *spawn);
/*
 * Why the child did not get to exec: the negative errno, with a text that names the step. Waits until the
 * child has passed exec or ended; 0 when it passed.
 */
int spawn_result(struct spawn *spawn, char *text, size_t size);

#endif
