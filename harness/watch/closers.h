/* SPDX-License-Identifier: MIT */
/*
 * Whoever borrows a socket of the target holds it for that moment: should the target close it then, it stays
 * in the target's epoll set until it is given back, and reports events to a server that has forgotten it. So
 * the calls that give up numbers and the borrowing exclude each other, as far as the calls stop before they
 * are made:
 *
 *     tracer    stop before close ── closers_enter ── close ── next stop: closers_leave
 *     harness   closers_hold ── borrow, ask, give back ── closers_release
 *
 * A close made by a request of io_uring, or by the end of a process, is not among them.
 */
#ifndef WRINGER_WATCH_CLOSERS_H
#define WRINGER_WATCH_CLOSERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CLOSERS_MOST 64

struct closers {
	pthread_mutex_t lock;
	atomic_bool known; /* every such call stops */
	bool crowded;	   /* more at a time than there is room for: nothing is vouched for from then on */
	pid_t tids[CLOSERS_MOST];
	size_t count;
};

void closers_init(struct closers *closers);
void closers_destroy(struct closers *closers);

/* That thread is about to be let into such a call. Waits while somebody holds. */
void closers_enter(struct closers *closers, pid_t tid);
/* It has come out of it. */
void closers_leave(struct closers *closers, pid_t tid);

/* Until closers_release nobody gives up a number. Waits a few milliseconds at the most for those who are at
 * it; false: it cannot be vouched for, and nothing is held. */
bool closers_hold(struct closers *closers);
void closers_release(struct closers *closers);

#endif
