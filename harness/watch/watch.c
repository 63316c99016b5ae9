/* SPDX-License-Identifier: MIT */
/* The list of ways to watch, and the part of a watcher that is the same for all of them. */
#include "watch/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "watch/rings.h"
#include "watch/watcher.h"

#define JOIN_PATIENCE_MS 200
#define LIST_MAX	 1024

const struct watch_ops *const watch_list[] = {&watch_ptrace, &watch_preload, &watch_bpf, &watch_none, NULL};

const struct watch_ops *watch_find(const char *name)
{
	for (const struct watch_ops *const *ops = watch_list; *ops; ops++)
		if (!strcmp((*ops)->name, name))
			return *ops;
	return NULL;
}

static struct watcher *watcher_new(const struct watch_ops *ops, struct journal *journal,
				   struct fault_set *faults)
{
	struct watcher *watcher = calloc(1, sizeof *watcher);

	if (!watcher)
		return NULL;
	watcher->ops = ops;
	watcher->journal = journal;
	watcher->faults = faults;
	watcher->control = -1;
	watcher->rings = rings_new(journal);
	closers_init(&watcher->closers);
	pthread_mutex_init(&watcher->lock, NULL);
	pthread_cond_init(&watcher->started, NULL);
	watcher->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watcher->done_fd < 0 || !watcher->rings) {
		watcher_free(watcher);
		return NULL;
	}
	return watcher;
}

int watcher_start(const struct watch_ops *ops, const struct watch_target *target, struct journal *journal,
		  struct fault_set *faults, struct watcher **ret_watcher, pid_t *ret_pid, struct error *error)
{
	struct watcher *watcher;
	int ret;

	if (!target->attach && (!target->argv || !target->argv[0]))
		return error_set(error, -EINVAL, "no command to start");
	watcher = watcher_new(ops, journal, faults);
	if (!watcher)
		return error_set(error, -ENOMEM, "no memory or no fd left for a watcher");
	watcher->target = target;
	ret = ops->start(watcher, error);
	watcher->target = NULL;
	if (ret < 0) {
		watcher_free(watcher);
		return ret;
	}
	if (ret_pid)
		*ret_pid = watcher->first;
	*ret_watcher = watcher;
	return 0;
}

int watcher_run(struct watcher *watcher, void *(*main)(void *), struct error *error)
{
	sigset_t all, before;
	int ret;

	/*
	 * A new thread inherits the mask; the harness's handlers are for the harness's threads. Not SIGCHLD,
	 * of which each stop of the target sends one: where it is blocked the kernel hands it to another
	 * thread, which wakes up for nothing at every call of the target; where it is not, the default, to
	 * ignore it, is decided by the sender.
	 */
	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&watcher->thread, NULL, main, watcher);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		return error_set(error, -ret, "no thread for the watcher: %s", strerror(ret));
	watcher->threaded = true;
	pthread_mutex_lock(&watcher->lock);
	while (!watcher->launched)
		pthread_cond_wait(&watcher->started, &watcher->lock);
	ret = watcher->launch.code;
	if (ret < 0 && error)
		*error = watcher->launch;
	pthread_mutex_unlock(&watcher->lock);
	return ret;
}

static void launched(struct watcher *watcher, pid_t first, const struct error *error)
{
	pthread_mutex_lock(&watcher->lock);
	if (!watcher->launched) {
		watcher->launched = true;
		watcher->first = first;
		watcher->launch = *error;
		pthread_cond_broadcast(&watcher->started);
	}
	pthread_mutex_unlock(&watcher->lock);
}

void watcher_launched(struct watcher *watcher, pid_t first)
{
	launched(watcher, first, &(struct error){0});
}

void watcher_refused(struct watcher *watcher, int code, const char *format, ...)
{
	struct error error = {.code = code};
	va_list args;

	va_start(args, format);
	vsnprintf(error.text, sizeof error.text, format, args);
	va_end(args);
	launched(watcher, 0, &error);
}

void watcher_keep(struct watcher *watcher, pid_t keeper, int control)
{
	pthread_mutex_lock(&watcher->lock);
	watcher->keeper = keeper;
	watcher->control = control;
	pthread_mutex_unlock(&watcher->lock);
}

void watcher_over(struct watcher *watcher)
{
	uint64_t one = 1;

	(void)!write(watcher->done_fd, &one, sizeof one);
}

void watcher_broke(struct watcher *watcher, int code, const char *what)
{
	pthread_mutex_lock(&watcher->lock);
	if (!watcher->failure.code)
		error_set(&watcher->failure, code, "%s: %s", what, strerror(-code));
	pthread_mutex_unlock(&watcher->lock);
	watcher->ops->stop(watcher);
}

int watcher_sample(struct watcher *watcher)
{
	return rings_sample(watcher->rings, false);
}

bool watcher_hold_fds(struct watcher *watcher)
{
	/* One that lets go of its target stops it no more. */
	return !atomic_load(&watcher->stopping) && closers_hold(&watcher->closers);
}

void watcher_release_fds(struct watcher *watcher)
{
	closers_release(&watcher->closers);
}

int watcher_done_fd(const struct watcher *watcher)
{
	return watcher->done_fd;
}

int watcher_status(const struct watcher *watcher, int *ret_status)
{
	struct watcher *own = (struct watcher *)watcher;
	int ret = -ECHILD;

	pthread_mutex_lock(&own->lock);
	if (own->ended) {
		*ret_status = own->status;
		ret = 0;
	}
	pthread_mutex_unlock(&own->lock);
	return ret;
}

int watcher_failure(const struct watcher *watcher, struct error *error)
{
	struct watcher *own = (struct watcher *)watcher;
	int ret;

	pthread_mutex_lock(&own->lock);
	ret = own->failure.code;
	if (ret < 0 && error)
		*error = own->failure;
	pthread_mutex_unlock(&own->lock);
	return ret;
}

/* Joins; a thread that waits for room in the journal is given some, see watcher_free. */
static void join(struct watcher *watcher)
{
	for (;;) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += JOIN_PATIENCE_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (pthread_timedjoin_np(watcher->thread, NULL, &until) != ETIMEDOUT)
			return;
		watcher->ops->stop(watcher); /* once may be missed, see attach.c */
		(void)journal_drain(watcher->journal, NULL, NULL);
	}
}

void watcher_free(struct watcher *watcher)
{
	if (!watcher)
		return;
	if (watcher->threaded) {
		watcher->ops->stop(watcher);
		join(watcher);
	}
	for (size_t i = 0; i < watcher->count; i++)
		if (watcher->members[i].pidfd >= 0)
			close(watcher->members[i].pidfd);
	free(watcher->members);
	rings_free(watcher->rings);
	if (watcher->done_fd >= 0)
		close(watcher->done_fd);
	pthread_cond_destroy(&watcher->started);
	pthread_mutex_destroy(&watcher->lock);
	closers_destroy(&watcher->closers);
	free(watcher);
}
