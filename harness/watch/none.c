/* SPDX-License-Identifier: MIT */
/* No watching: the target is started and looked after, its calls are not seen and no fault reaches it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "watch/keeper.h"
#include "watch/tree.h"
#include "watch/watcher.h"

/* The harness's side of one keeper. */
struct none {
	struct watcher *watcher;
	struct spawn spawn;
	int control[2];
	pid_t first;
};

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

static bool hear(int control, struct keeper_word *word)
{
	ssize_t got;

	do
		got = recv(control, word, sizeof *word, MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	return got == sizeof *word;
}

/* The first process exists, and nobody reaps it before the keeper gets its byte. 0 when it passed exec. */
static int settle(struct none *none)
{
	struct keeper_word word = {0};
	char text[ERROR_TEXT];
	int ret, pidfd;

	if (!hear(none->control[0], &word) || word.pid <= 0) {
		ret = word.status < 0 ? word.status : -ECHILD;
		watcher_refused(none->watcher, ret, "cannot fork: %s", strerror(-ret));
		return ret;
	}
	spawn_release(&none->spawn);
	ret = spawn_result(&none->spawn, text, sizeof text);
	if (ret == 0 && watcher_join(none->watcher, word.pid, &pidfd) < 0) {
		ret = -ENOMEM;
		snprintf(text, sizeof text, "no memory for the target's first process");
	}
	if (ret < 0) {
		watcher_refused(none->watcher, ret, "%s", text);
		return ret;
	}
	none->first = word.pid;
	journal_proc(none->watcher, PROC_START, word.pid, 0);
	watcher_launched(none->watcher, word.pid);
	return (int)send(none->control[0], "", 1, MSG_NOSIGNAL) == 1 ? 0 : -EPIPE;
}

/* Until the keeper has no child left. */
static void follow(struct none *none)
{
	struct keeper_word word;

	while (hear(none->control[0], &word)) {
		journal_proc(none->watcher, PROC_EXIT, word.pid, word.status);
		watcher_leave(none->watcher, word.pid, word.status);
	}
}

static void run(struct none *none)
{
	struct watcher *watcher = none->watcher;
	pid_t keeper = fork();

	if (keeper == 0)
		keeper_run(none->control[1], &none->spawn);
	if (keeper < 0) {
		watcher_refused(watcher, -errno, "cannot fork: %s", strerror(errno));
		return;
	}
	close(none->control[1]);
	none->control[1] = -1;
	watcher_keep(watcher, keeper, none->control[0]);
	if (settle(none) == 0)
		follow(none);
	else
		(void)shutdown(none->control[0], SHUT_RDWR);
	watcher_keep(watcher, 0, -1);
	(void)waitpid(keeper, NULL, 0);
}

static void *none_main(void *arg)
{
	struct none none = {.watcher = arg, .control = {-1, -1}};
	int ret = spawn_open(&none.spawn, none.watcher->target, NULL);

	if (ret == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, none.control) < 0)
		ret = -errno;
	if (ret < 0)
		watcher_refused(none.watcher, ret, "no pipe for the target's start: %s", strerror(-ret));
	else
		run(&none);
	for (int i = 0; i < 2; i++)
		if (none.control[i] >= 0)
			close(none.control[i]);
	spawn_close(&none.spawn);
	watcher_over(none.watcher);
	return NULL;
}

static int none_start(struct watcher *watcher, struct error *error)
{
	return watcher_run(watcher, none_main, error);
}

/* The keeper does the killing: it also gets those that are orphaned meanwhile. */
static void none_stop(struct watcher *watcher)
{
	atomic_store(&watcher->stopping, true);
	pthread_mutex_lock(&watcher->lock);
	if (watcher->control >= 0)
		(void)shutdown(watcher->control, SHUT_WR);
	pthread_mutex_unlock(&watcher->lock);
}

static size_t none_rest(struct watcher *watcher, pid_t *pids, size_t size)
{
	pid_t keeper;

	pthread_mutex_lock(&watcher->lock);
	keeper = watcher->keeper;
	pthread_mutex_unlock(&watcher->lock);
	return keeper ? tree_below(keeper, pids, size) : 0;
}

const struct watch_ops watch_none = {
    .name = "none",
    .doc = "starts the target and looks away: no calls are seen",
    .start = none_start,
    .stop = none_stop,
    .list = none_rest,
};
