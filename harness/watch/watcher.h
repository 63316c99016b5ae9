/* SPDX-License-Identifier: MIT */
/*
 * Inside of a watcher: what every way of watching shares. Two threads meet here: the harness's own, which
 * calls the public functions, and the watcher thread, which calls those below.
 *
 *     harness thread                     watcher thread
 *     watcher_start ── thread_run ─────► fork, seize, exec
 *        waits for launched ◄─────────── watcher_launched / watcher_refused
 *     watcher_signal, _alive ── lock ──► watcher_join, watcher_leave
 *     watcher_free: ops->stop, join ◄─── watcher_over (done_fd)
 */
#ifndef WRINGER_WATCH_WATCHER_H
#define WRINGER_WATCH_WATCHER_H

#include <pthread.h>
#include <stdatomic.h>
#include "watch/closers.h"
#include "watch/watch.h"

/* A live process of the target. */
struct member {
	pid_t pid;
	int pidfd; /* -1 when the kernel has none to give; signals then go by number */
};

struct watcher {
	const struct watch_ops *ops;
	const struct watch_target *target; /* until watcher_start returns */
	struct journal *journal;
	struct fault_set *faults;
	struct rings *rings;
	struct closers closers;
	pthread_t thread;
	bool threaded;
	int done_fd;
	atomic_bool stopping; /* whatever shows up now is killed */

	pthread_mutex_t lock;
	pthread_cond_t started;
	/* under the lock */
	bool launched;
	struct error launch, failure;
	struct member *members;
	size_t count, capacity;
	pid_t first;
	bool ended;
	int status;
	pid_t keeper; /* "none", "bpf": the process that keeps the target, 0 when there is none */
	int control;  /* and the socket to it, -1 */
};

/* Starts the thread with all signals blocked and waits until it says how the launch went. Returns that. */
int watcher_run(struct watcher *watcher, void *(*main)(void *), struct error *error);

/* How the launch went; the first word counts. */
void watcher_launched(struct watcher *watcher, pid_t first);
void watcher_refused(struct watcher *watcher, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A process is there, before its first instruction runs. Its pidfd or -1, the watcher's to close; -ENOMEM. */
int watcher_join(struct watcher *watcher, pid_t pid, int *ret_pidfd);
/* It has been reaped. */
void watcher_leave(struct watcher *watcher, pid_t pid, int status);
/* SIGKILL to every member. */
void watcher_kill(struct watcher *watcher);
/* Our side broke: kept for watcher_failure, the first one counts, and the watcher is stopped. */
void watcher_broke(struct watcher *watcher, int code, const char *what);
/* "none", "bpf": the keeper and the socket to it, 0 and -1 when they are gone. */
void watcher_keep(struct watcher *watcher, pid_t keeper, int control);
/* No process is left. */
void watcher_over(struct watcher *watcher);

extern const struct watch_ops watch_ptrace, watch_preload, watch_bpf, watch_none;

#endif
