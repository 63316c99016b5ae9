/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef WRINGER_TARGET_TARGET_IMPL_H
#define WRINGER_TARGET_TARGET_IMPL_H

#include "base/map.h"
#include "target/sleepers.h"
#include "target/target.h"

/* The last CPU time known of each process, so that what a dead one used is not forgotten. */
struct cpu_book {
	struct map entries; /* pid -> struct cpu_entry */
};

struct cpu_entry {
	uint64_t used;
};

/* What a thread has had of the CPUs. */
struct sched_times {
	uint64_t ran;	 /* ns */
	uint64_t waited; /* ns ready and without a CPU, the wait under way left out */
	uint64_t turns;	 /* times it got one */
};

struct thread_delay {
	struct sched_times then; /* at the last look; all 0: there was none */
	uint64_t ahead;		 /* counted by now of a wait that is not over */
	uint64_t at;		 /* when we looked, clock_now() */
	uint64_t round;
	bool ready; /* whether it wanted a CPU then */
};
/* Notes a look, and returns what the thread waited for a CPU since the one before, ns. */
uint64_t thread_waited(struct thread_delay *thread, const struct sched_times *times, bool ready,
		       uint64_t now);

/* How long each thread has waited for a CPU. */
struct delay_book {
	struct map threads; /* tid -> struct thread_delay */
	uint64_t total, round;
};

/* The fd limit a process had before it was lowered. */
struct limit_saved {
	pid_t pid;
	uint64_t soft;
};

struct target {
	struct watcher *watcher;
	struct journal *journal;
	const struct watch_ops *watch;
	pid_t pid;
	char *out_path, *err_path; /* NULL: its output is ours */
	struct cpu_book *book;
	struct delay_book delays;
	struct sleepers *sleepers; /* NULL until they are asked for */
	struct {
		struct limit_saved *items;
		size_t count, capacity;
	} limits;
};

/* The processes of the target alive now: the world's, or, where nothing is traced, the first and its
 * descendants. */
struct pid_list {
	pid_t *pids;
	size_t count, capacity;
};

/* 0 or -ENOMEM. */
int pids_live(const struct target *target, const struct world *world, struct pid_list *ret_list);
void pids_free(struct pid_list *list);

/*
 * Calls each for every numeric entry of a folder of /proc ("/proc/7/fd", "/proc/7/task"); stops at its first
 * non-zero result and returns that. A folder that is gone (the process ended) is empty; else a negative
 * errno.
 */
int proc_each(const char *path, int (*each)(void *arg, int number), void *arg);
/* Reads a small file of /proc into out, NUL-terminated. Its length or a negative errno. */
int proc_read(const char *path, char *out, size_t size);
/* CPU time used by a whole process, dead threads included, ns. 0 or a negative errno. */
int proc_cpu(pid_t pid, uint64_t *ret_ns);
/* 0 or a negative errno. */
int proc_sched(pid_t pid, pid_t tid, struct sched_times *ret_times);
/* Soft and hard fd limit of a process. 0 or a negative errno. */
int proc_limit(pid_t pid, uint64_t *ret_soft, uint64_t *ret_hard);
/* Open fds of one process, or a negative errno. */
int64_t proc_fds(pid_t pid);
uint64_t proc_rss(pid_t pid);
void delay_book_free(struct delay_book *book);
/* The inode behind a number of that process when it is a socket, else 0. */
uint64_t proc_socket_inode(pid_t pid, int fd);

/* A socket of another process, borrowed: pidfd_open and pidfd_getfd. The fd or a negative errno; close it at
 * once. */
int borrow(int pidfd, int fd);
int borrow_open(pid_t pid);

#endif
