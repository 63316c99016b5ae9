/* SPDX-License-Identifier: MIT */
/* The watcher's side of one keeper (keeper.h): a target that is started, looked after, and not traced. */
#ifndef WRINGER_WATCH_KEPT_H
#define WRINGER_WATCH_KEPT_H

#include "watch/keeper.h"
#include "watch/watcher.h"

struct kept {
	struct watcher *watcher;
	struct spawn spawn;
	int control[2];
	pid_t keeper, first;
};

/* The keeper and the first process exist; that waits for kept_release. 0, or a negative errno, and the
 * watcher is refused. kept_close in either case. */
int kept_start(struct kept *kept, struct watcher *watcher);
/* Lets the first process become the target. 0 once it has passed exec, or a negative errno, the watcher
 * refused. */
int kept_release(struct kept *kept);
/* From here on the keeper reaps: the pidfd of the first process is there. 0 or a negative errno. */
int kept_go_on(struct kept *kept);
/* Waits for what the keeper says next; false when no process is left. */
bool kept_hear(const struct kept *kept, struct keeper_word *word);
/* Lets the keeper end, with all that is left, and waits for that. */
void kept_close(struct kept *kept);

/* Of watch_ops: the keeper does the killing, for it also gets those that are orphaned meanwhile. */
void kept_stop(struct watcher *watcher);
size_t kept_list(struct watcher *watcher, pid_t *pids, size_t size);

#endif
