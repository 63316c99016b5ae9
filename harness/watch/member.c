/* SPDX-License-Identifier: MIT */
/* The members of a watcher: the target's live processes, from joining to leaving, and the signals they are
 * sent. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/buf.h"
#include "watch/tree.h"
#include "watch/watcher.h"

int watcher_join(struct watcher *watcher, pid_t pid, int *ret_pidfd)
{
	struct member *members;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	pthread_mutex_lock(&watcher->lock);
	members = array_grow(watcher->members, watcher->count, &watcher->capacity, sizeof *members);
	if (members) {
		watcher->members = members;
		members[watcher->count++] = (struct member){.pid = pid, .pidfd = pidfd};
	}
	pthread_mutex_unlock(&watcher->lock);
	if (!members) {
		if (pidfd >= 0)
			close(pidfd);
		return -ENOMEM;
	}
	*ret_pidfd = pidfd;
	return 0;
}

void watcher_leave(struct watcher *watcher, pid_t pid, int status)
{
	pthread_mutex_lock(&watcher->lock);
	for (size_t i = 0; i < watcher->count; i++) {
		if (watcher->members[i].pid != pid)
			continue;
		if (watcher->members[i].pidfd >= 0)
			close(watcher->members[i].pidfd);
		watcher->members[i] = watcher->members[--watcher->count];
		break;
	}
	if (pid == watcher->first && !watcher->ended) {
		watcher->ended = true;
		watcher->status = status;
	}
	pthread_mutex_unlock(&watcher->lock);
}

uint32_t watcher_alive(const struct watcher *watcher)
{
	struct watcher *own = (struct watcher *)watcher;
	pid_t pids[TREE_MAX];
	uint32_t count;

	if (own->ops->list)
		return (uint32_t)own->ops->list(own, pids, TREE_MAX);
	pthread_mutex_lock(&own->lock);
	count = (uint32_t)own->count;
	pthread_mutex_unlock(&own->lock);
	return count;
}

/* The lock is held, so the member has not been reaped unseen: its pidfd, or its number, is still its own. */
static int member_signal(const struct member *member, int signo)
{
	long ret;

	if (member->pidfd >= 0)
		ret = syscall(SYS_pidfd_send_signal, member->pidfd, signo, NULL, 0);
	else
		ret = kill(member->pid, signo);
	return ret < 0 ? -errno : 0;
}

void watcher_kill(struct watcher *watcher)
{
	atomic_store(&watcher->stopping, true);
	pthread_mutex_lock(&watcher->lock);
	for (size_t i = 0; i < watcher->count; i++)
		(void)member_signal(&watcher->members[i], SIGKILL);
	pthread_mutex_unlock(&watcher->lock);
}

static void journal_signal(struct watcher *watcher, pid_t pid, int signo)
{
	struct event event = event_make(EV_FAULT, FAULT_SIGNAL);

	event.pid = pid;
	event.ret = signo;
	(void)journal_append(watcher->journal, &event);
}

/*
 * Signals members (all, or the first process) and notes who was hit in pids, room for all of them. All under
 * one lock: members that end meanwhile change places.
 */
static int signal_members(struct watcher *watcher, int signo, bool all, pid_t *pids, size_t *ret_count)
{
	int ret = -ESRCH;

	for (size_t i = 0; i < watcher->count; i++) {
		const struct member *member = &watcher->members[i];

		if (!all && member->pid != watcher->first)
			continue;
		ret = member_signal(member, signo);
		if (ret == 0)
			pids[(*ret_count)++] = member->pid;
	}
	return ret;
}

/* Those that are not members: an instant's list, by number. */
static int signal_listed(struct watcher *watcher, int signo)
{
	pid_t pids[TREE_MAX];
	size_t count = watcher->ops->list(watcher, pids, TREE_MAX);
	int sent = 0;

	for (size_t i = 0; i < count; i++) {
		if (kill(pids[i], signo) < 0)
			continue;
		journal_signal(watcher, pids[i], signo);
		sent++;
	}
	return sent ? 0 : -ESRCH;
}

int watcher_signal(struct watcher *watcher, int signo, bool all)
{
	size_t count = 0;
	pid_t *pids;
	int ret;

	if (all && watcher->ops->list)
		return signal_listed(watcher, signo);
	pthread_mutex_lock(&watcher->lock);
	pids = malloc((watcher->count + 1) * sizeof *pids);
	ret = pids ? signal_members(watcher, signo, all, pids, &count) : -ENOMEM;
	pthread_mutex_unlock(&watcher->lock);
	/* Not under the lock: the appender may wait for the drainer. */
	for (size_t i = 0; i < count; i++)
		journal_signal(watcher, pids[i], signo);
	free(pids);
	return count ? 0 : ret;
}
