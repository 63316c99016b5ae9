/* SPDX-License-Identifier: MIT */
#include "watch/kept.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "watch/tree.h"

bool kept_hear(const struct kept *kept, struct keeper_word *word)
{
	ssize_t got;

	do
		got = recv(kept->control[0], word, sizeof *word, MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	return got == sizeof *word;
}

static int start_keeper(struct kept *kept)
{
	struct keeper_word word = {0};
	int ret;

	kept->keeper = fork();
	if (kept->keeper == 0)
		keeper_run(kept->control[1], &kept->spawn);
	if (kept->keeper < 0) {
		ret = -errno;
	} else {
		close(kept->control[1]);
		kept->control[1] = -1;
		watcher_keep(kept->watcher, kept->keeper, kept->control[0]);
		ret = kept_hear(kept, &word) && word.pid > 0 ? 0 : word.status < 0 ? word.status : -ECHILD;
	}
	if (ret < 0)
		watcher_refused(kept->watcher, ret, "cannot fork: %s", strerror(-ret));
	kept->first = word.pid;
	return ret;
}

int kept_start(struct kept *kept, struct watcher *watcher)
{
	int ret;

	*kept = (struct kept){.watcher = watcher, .control = {-1, -1}};
	ret = spawn_open(&kept->spawn, watcher->target, NULL);
	if (ret == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, kept->control) < 0)
		ret = -errno;
	if (ret < 0) {
		watcher_refused(watcher, ret, "no pipe for the target's start: %s", strerror(-ret));
		return ret;
	}
	return start_keeper(kept);
}

int kept_release(struct kept *kept)
{
	char text[ERROR_TEXT];
	int ret;

	spawn_release(&kept->spawn);
	ret = spawn_result(&kept->spawn, text, sizeof text);
	if (ret < 0)
		watcher_refused(kept->watcher, ret, "%s", text);
	return ret;
}

int kept_go_on(struct kept *kept)
{
	return send(kept->control[0], "", 1, MSG_NOSIGNAL) == 1 ? 0 : -EPIPE;
}

void kept_close(struct kept *kept)
{
	if (kept->keeper > 0) {
		(void)shutdown(kept->control[0], SHUT_RDWR);
		watcher_keep(kept->watcher, 0, -1);
		(void)waitpid(kept->keeper, NULL, 0);
	}
	for (int i = 0; i < 2; i++)
		if (kept->control[i] >= 0)
			close(kept->control[i]);
	spawn_close(&kept->spawn);
}

void kept_stop(struct watcher *watcher)
{
	atomic_store(&watcher->stopping, true);
	pthread_mutex_lock(&watcher->lock);
	if (watcher->control >= 0)
		(void)shutdown(watcher->control, SHUT_WR);
	pthread_mutex_unlock(&watcher->lock);
}

size_t kept_list(struct watcher *watcher, pid_t *pids, size_t size)
{
	pid_t keeper;

	pthread_mutex_lock(&watcher->lock);
	keeper = watcher->keeper;
	pthread_mutex_unlock(&watcher->lock);
	return keeper ? tree_below(keeper, pids, size) : 0;
}
