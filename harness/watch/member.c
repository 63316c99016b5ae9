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

/* Under the lock. NULL: no member any more. */
static struct member *member_find(const struct watcher *watcher, pid_t pid)
{
	for (size_t i = 0; i < watcher->count; i++) {
		if (watcher->members[i].pid == pid)
			return &watcher->members[i];
	}
	return NULL;
}

void watcher_leave(struct watcher *watcher, pid_t pid, int status)
{
	struct member *member;

	pthread_mutex_lock(&watcher->lock);
	member = member_find(watcher, pid);
	if (member) {
		if (member->pidfd >= 0)
			close(member->pidfd);
		*member = watcher->members[--watcher->count];
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

/* Who is to be hit: members (all, or the first process). Room for all of them in pids. */
static size_t list_members(const struct watcher *watcher, bool all, pid_t *pids)
{
	size_t count = 0;

	for (size_t i = 0; i < watcher->count; i++) {
		if (all || watcher->members[i].pid == watcher->first)
			pids[count++] = watcher->members[i].pid;
	}
	return count;
}

/* Members that ended meanwhile, whose numbers may be others' now, are left alone. */
static int signal_members(struct watcher *watcher, int signo, const pid_t *pids, size_t count)
{
	int sent = 0, ret = -ESRCH;

	pthread_mutex_lock(&watcher->lock);
	for (size_t i = 0; i < count; i++) {
		const struct member *member = member_find(watcher, pids[i]);

		if (!member)
			continue;
		ret = member_signal(member, signo);
		sent += ret == 0;
	}
	pthread_mutex_unlock(&watcher->lock);
	return sent ? 0 : ret;
}

/* Those that are not members: an instant's list, by number. */
static int signal_listed(struct watcher *watcher, int signo)
{
	pid_t pids[TREE_MAX];
	size_t count = watcher->ops->list(watcher, pids, TREE_MAX);
	int sent = 0;

	for (size_t i = 0; i < count; i++) {
		journal_signal(watcher, pids[i], signo);
		sent += kill(pids[i], signo) == 0;
	}
	return sent ? 0 : -ESRCH;
}

/*
 * Written before it is sent: the target may be dead, and the watcher may have said so, before the sender
 * comes to write, and a death must never stand before its cause.
 */
int watcher_signal(struct watcher *watcher, int signo, bool all)
{
	size_t count;
	pid_t *pids;
	int ret;

	if (signo < 1 || signo > SIGRTMAX)
		return -EINVAL;
	if (all && watcher->ops->list)
		return signal_listed(watcher, signo);
	pthread_mutex_lock(&watcher->lock);
	pids = malloc((watcher->count + 1) * sizeof *pids);
	count = pids ? list_members(watcher, all, pids) : 0;
	pthread_mutex_unlock(&watcher->lock);
	if (!pids)
		return -ENOMEM;
	/* Not under the lock: the appender may wait for the drainer. */
	for (size_t i = 0; i < count; i++)
		journal_signal(watcher, pids[i], signo);
	ret = signal_members(watcher, signo, pids, count);
	free(pids);
	return ret;
}
