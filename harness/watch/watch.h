/* SPDX-License-Identifier: MIT */
/*
 * Seeing an unmodified target: a watcher starts it (or attaches to it), turns what its processes ask of the
 * kernel into journal events, and carries out the armed faults. One thread of its own; ptrace binds tracees
 * to the thread that started them.
 */
#ifndef WRINGER_WATCH_WATCH_H
#define WRINGER_WATCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "inject/fault.h"
#include "journal/journal.h"

struct watch_target {
	char *const *argv;	   /* NULL-terminated; found by PATH */
	pid_t attach;		   /* instead, for watch_attach: a process that runs already; 0 none */
	char *const *envp;	   /* NULL: ours */
	const char *directory;	   /* NULL: ours */
	int in, out, err;	   /* fds to become 0, 1, 2; -1: inherited */
	uint64_t fd_soft, fd_hard; /* RLIMIT_NOFILE before exec; 0: as it is */
	bool new_session;	   /* setsid, so that a terminal's Ctrl-C does not reach it */
};

struct watcher;

/* One way of watching. */
struct watch_ops {
	const char *name; /* "ptrace" */
	const char *doc;
	bool blind;	/* calls are not seen at all */
	bool faultless; /* calls are seen, and cannot be changed */
	/* Starts the target and the thread. See watcher_start. */
	int (*start)(struct watcher *watcher, struct error *error);
	/* Kills what is left of the target; the thread then ends by itself and is joined by the caller. */
	void (*stop)(struct watcher *watcher);
	/* Whether a command can be watched so at all, asked before anything is started: 0, or -EOPNOTSUPP
	 * with the reason. NULL: any can. */
	int (*check)(const char *command, struct error *error);
	/* The target's processes alive, at most size; how many. NULL: all of them are members already. */
	size_t (*list)(struct watcher *watcher, pid_t *pids, size_t size);
};

/*
 * By ptrace, of a process that runs already, and of all below it. Stopping the watcher lets go of them: they
 * run on.
 */
extern const struct watch_ops watch_attach;
/* The same by bpf. */
extern const struct watch_ops watch_attach_bpf;

/* All ways to start a target, NULL-terminated: "ptrace", "preload", "bpf", "none". */
extern const struct watch_ops *const watch_list[];
const struct watch_ops *watch_find(const char *name);

/*
 * Starts the target under the watcher, or attaches to it. Returns when the target has passed exec (then
 * ret_pid is its first process) or failed: -ENOENT, -EACCES … of exec, -EPERM when this way of watching is
 * refused here, -ESRCH when there is nothing to attach to; error says which. journal and faults must outlive
 * the watcher.
 */
int watcher_start(const struct watch_ops *ops, const struct watch_target *target, struct journal *journal,
		  struct fault_set *faults, struct watcher **ret_watcher, pid_t *ret_pid,
		  struct error *error);

/* The target's processes alive now (not threads), any thread. */
uint32_t watcher_alive(const struct watcher *watcher);
/*
 * Journals what came in the target's rings (io_uring) without a call of its own since the last look; any
 * thread. Stops do the same, so it is for a target at rest. 0 or an error of the journal.
 */
int watcher_sample(struct watcher *watcher);
/*
 * From here until watcher_release_fds, on the same thread and soon, no call of the target's gives up an fd: what is
 * borrowed of it meanwhile is not closed under the borrower. False, and then nothing is held: that is seen to by
 * ptrace only, and somebody may be in the middle of such a call for longer than is worth waiting for.
 */
bool watcher_hold_fds(struct watcher *watcher);
void watcher_release_fds(struct watcher *watcher);
/* Polls readable once no process of the target is left. */
int watcher_done_fd(const struct watcher *watcher);
/*
 * Sends a signal to every process of the target (first only when !all); FAULT_SIGNAL is journalled for each
 * before it is sent; any thread. 0, -ESRCH when there is none, -EINVAL.
 */
int watcher_signal(struct watcher *watcher, int signo, bool all);
/* Wait status of the first process, valid once it is gone; -ECHILD before. */
int watcher_status(const struct watcher *watcher, int *ret_status);
/* If the watcher broke (lost its tracees, ran out of memory): the negative errno and text; 0 when fine. */
int watcher_failure(const struct watcher *watcher, struct error *error);

/*
 * Kills whatever is left (SIGKILL; what was attached to is let go), waits for the thread, frees. NULL is
 * fine. Call it on the thread that drains the journal: should the journal's buffer be full, what is in it is
 * written to the file without being handed to a sink.
 */
void watcher_free(struct watcher *watcher);

#endif
