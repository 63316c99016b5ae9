/* SPDX-License-Identifier: MIT */
/* No watching: the target is started and looked after, its calls are not seen and no fault reaches it. */
#include <errno.h>
#include "watch/kept.h"

static void journal_proc(struct watcher *watcher, enum proc what, pid_t pid, int status)
{
	struct event event = event_make(EV_PROC, what);

	event.pid = event.tid = pid;
	event.ret = status;
	event.arg[0] = what == PROC_EXIT;
	int ret = journal_append(watcher->journal, &event);
	if (ret < 0)
		watcher_broke(watcher, ret, "the journal cannot be written");
}

/* The first process exists, and nobody reaps it before the keeper is told to go on. 0 when it passed exec. */
static int settle(struct kept *kept)
{
	int ret = kept_release(kept), pidfd;

	if (ret == 0 && watcher_join(kept->watcher, kept->first, &pidfd) < 0) {
		ret = -ENOMEM;
		watcher_refused(kept->watcher, ret, "no memory for the target's first process");
	}
	if (ret < 0)
		return ret;
	journal_proc(kept->watcher, PROC_START, kept->first, 0);
	watcher_launched(kept->watcher, kept->first);
	return kept_go_on(kept);
}

/* Until the keeper has no child left. */
static void follow(struct kept *kept)
{
	struct keeper_word word;

	while (kept_hear(kept, &word)) {
		journal_proc(kept->watcher, PROC_EXIT, word.pid, word.status);
		watcher_leave(kept->watcher, word.pid, word.status);
	}
}

static void *none_main(void *arg)
{
	struct watcher *watcher = arg;
	struct kept kept;

	if (kept_start(&kept, watcher) == 0 && settle(&kept) == 0)
		follow(&kept);
	kept_close(&kept);
	watcher_over(watcher);
	return NULL;
}

static int none_start(struct watcher *watcher, struct error *error)
{
	return watcher_run(watcher, none_main, error);
}

const struct watch_ops watch_none = {
    .name = "none",
    .doc = "starts the target and looks away: no calls are seen",
    .blind = true,
    .start = none_start,
    .stop = kept_stop,
    .list = kept_list,
};
