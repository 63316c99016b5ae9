/* SPDX-License-Identifier: MIT */
/*
 * A server as a process: started under a watcher, its port found, its output kept, its resources read,
 * stopped.
 */
#ifndef WRINGER_TARGET_TARGET_H
#define WRINGER_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "base/error.h"
#include "inject/fault.h"
#include "journal/journal.h"
#include "model/world.h"
#include "watch/watch.h"

struct target;

struct target_options {
	char *const *argv;
	pid_t attach; /* instead of argv, with watch_attach: what runs already and is let go in the end */
	const struct watch_ops *watch;
	uint64_t fd_soft, fd_hard; /* from the start; 0: as it is */
	const char *directory;	   /* a folder of the case's own, for its output; must exist. NULL: stdin and
				      output are ours */
};

/* Starts it. Its stdout and stderr go to files in directory; stdin is /dev/null. 0 or negative errno with
 * error. */
int target_start(const struct target_options *options, struct journal *journal, struct fault_set *faults,
		 struct target **ret_target, struct error *error);

/*
 * Its address, once it listens on TCP: from its own listen() calls in the world (watch none: from the
 * sandbox's table of listeners). want 0: the first listener; else the one on that port. A wildcard address
 * becomes loopback of that family. 0, -EAGAIN not yet.
 */
int target_address(const struct target *target, const struct world *world, uint16_t want,
		   struct sockaddr_storage *ret_address, socklen_t *ret_size);

bool target_alive(const struct target *target);
pid_t target_pid(const struct target *target);
struct watcher *target_watcher(const struct target *target);
/* The last lines it printed (stderr, else stdout), at most size-1 bytes, control characters replaced. */
char *target_output(const struct target *target, char *out, size_t size);

/* Lowers or restores RLIMIT_NOFILE of all live processes (prlimit), and journals FAULT_LIMIT. 0 or negative
 * errno. */
int target_limit_fds(struct target *target, const struct world *world, uint64_t soft, uint64_t hard,
		     struct error *error);
/* Lowers the soft limit of each live process so that just `spare` further fds can be opened there. 0 or
 * negative errno. */
int target_limit_spare(struct target *target, const struct world *world, uint32_t spare, struct error *error);
/* Gives every process back what target_limit_spare took. 0 or the first negative errno. */
int target_limit_restore(struct target *target, const struct world *world);
/* The soft limit in force in the process (first live one for 0), or negative errno. */
int64_t target_fd_limit(const struct target *target, pid_t pid);
/* Open fds of all live processes, asked of /proc; negative errno. */
int64_t target_fds(const struct target *target, const struct world *world);
/* How many the soft limits in force let all live processes together have; negative errno. */
int64_t target_fds_most(const struct target *target, const struct world *world);
/* CPU time all processes (dead ones included, as far as known) have used, ns. */
uint64_t target_cpu(const struct target *target, const struct world *world);
/*
 * How long the target's threads, and our own, have waited for a CPU since this was first asked, ns; never
 * less than before. Of a wait that is not over what lies between two times of asking is counted: ask often
 * while it matters. 0 where the kernel does not say.
 */
uint64_t target_delay(struct target *target, const struct world *world);
/* The same of the first thread of any process, since it began; a wait that is not over is left out. */
uint64_t target_waited(pid_t pid);
/*
 * Whether the threads that the world has in a wait do sleep there, asked of the kernel. One that is about to
 * come back, for want of a CPU or of its tracer's leave, is awake: a loop that turns is not at rest between
 * two of its turns.
 */
bool target_waits(const struct world *world);
uint64_t target_rss(const struct target *target, const struct world *world);
/*
 * Whether every thread of the target that the world knows sleeps at this moment, as the kernel says. False
 * where it cannot be told. For those who ask often: /proc is kept open.
 */
bool target_sleeps(struct target *target, const struct world *world);
/* 0, -ESRCH when nobody is left, -EINVAL. FAULT_SIGNAL is journalled for each process, before it is sent. */
int target_signal(struct target *target, int signo, bool all);
/* Whether a signal that stops (SIGSTOP) has done so by now: no thread of the target runs any more, or will
 * before SIGCONT. */
bool target_stopped(const struct target *target, const struct world *world, int signo);

/*
 * Asks the kernel about every open TCP socket and listener, every epoll, thread and process of the target and
 * journals PROBE_* events: the ground truth beside the trace. Sockets are borrowed for a moment
 * (pidfd_getfd); under ptrace the target's closes wait for that moment. Returns how many were asked, or a
 * negative errno.
 */
int target_probe(const struct target *target, const struct world *world);
/* The threads only: what each is in at this moment, for somebody who waits. */
int target_probe_threads(const struct target *target, const struct world *world);
/* One socket: fills an EV_PROBE (PROBE_SOCKET or PROBE_LISTENER) without journalling it. 0 or negative errno.
 */
int target_probe_socket(const struct target *target, pid_t pid, int fd, struct event *ret_event);

/* SIGTERM; the caller waits on watcher_done_fd for its patience, then target_free kills. */
int target_stop(struct target *target);
/* Kills what is left, waits, frees; removes its output files unless keep. NULL is fine. */
void target_free(struct target *target, bool keep);

#endif
