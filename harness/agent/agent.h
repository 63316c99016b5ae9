/* SPDX-License-Identifier: MIT */
/*
 * Inside of the agent. Every wrapper has one shape:
 *
 *     turn = agent_begin(CALL_x, fd)  no slot: the slow way; a fault that is a delay is over behind it
 *     ret = agent_make(&turn, …)      the kernel acts, or another fault does
 *     record = agent_open(&turn, …)   room in the ring, filled by the wrapper
 *     agent_commit(&turn, record)     the watcher may take it
 *     return agent_result(ret)        errno
 *
 * Nothing here allocates, locks or prints: a wrapper may run in a signal handler, in a child of vfork, or
 * before the agent has started.
 */
#ifndef WRINGER_AGENT_AGENT_H
#define WRINGER_AGENT_AGENT_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include "agent/stub.h"

#define EXPORT __attribute__((visibility("default")))

/* One call of one thread. */
struct agent_turn {
	struct agent_slot *slot; /* NULL: the slow way */
	bool struck;		 /* by the fault */
	uint16_t flags;		 /* of the call's record, once it is made */
	int fd;
	struct fault_hit hit;
};

/* Whether this thread may take the fast way with that call now. */
struct agent_turn agent_enter(enum call call, int fd);
/* What befalls it, once it is sure that the fast way is taken: another who decides counts the call as well.
 * Holds it back, if that is what a fault is for. op: epoll_ctl's, else 0. */
void agent_meet(struct agent_turn *turn, enum call call, uint64_t op);

static inline struct agent_turn agent_begin(enum call call, int fd)
{
	struct agent_turn turn = agent_enter(call, fd);

	agent_meet(&turn, call, 0);
	return turn;
}

/* The call, the fast way, as the fault leaves it: not made at all (the errno), or cut. */
long agent_strike(struct agent_turn *turn, long number, const struct agent_args *args);
static inline long agent_make(struct agent_turn *turn, long number, const struct agent_args *args)
{
	return turn->struck ? agent_strike(turn, number, args) : agent_fast(number, args);
}

/* The record of a delivery that befalls the call now. */
void agent_tell_fault(const struct agent_turn *turn);

/* Room for a record with so many bytes of data; waits while the ring is full. All of it is filled but the
 * arguments past what is given here, which are 0. */
struct agent_record *agent_open(const struct agent_turn *turn, enum event_kind kind, uint32_t what, int fd,
				size_t data_size);
void agent_commit(const struct agent_turn *turn, struct agent_record *record);

static inline void *agent_data(struct agent_record *record)
{
	return record + 1;
}

/* A finished call without data. Not when the tracer has told it. */
void agent_tell(const struct agent_turn *turn, enum call call, int fd, long ret, const uint64_t arg[3]);

/*
 * Copies from memory that the target named: directly once the kernel has accepted it (ret is no error), else
 * by asking the kernel, for it may be no memory at all. False when it is not.
 */
bool agent_copy(long ret, void *to, const void *from, size_t size);

/*
 * A call that may sleep, the slow way when there is no slot. libc ends a cancelled thread in such a call, so
 * a cancellation is let in meanwhile. (Whoever ends there has written no record.)
 */
#pragma weak pthread_setcanceltype
static inline long agent_asleep(struct agent_turn *turn, long number, const struct agent_args *args)
{
	int before = PTHREAD_CANCEL_DEFERRED;
	long ret;

	if (pthread_setcanceltype)
		(void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
	ret = turn->slot ? agent_make(turn, number, args) : agent_slow(number, args);
	if (pthread_setcanceltype)
		(void)pthread_setcanceltype(before, &before);
	return ret;
}

/*
 * Which numbers were accepted, and from whom, as far as the agent was asked to: struct fault_call's. False:
 * this one is not known.
 */
bool agent_whose(int fd, struct fault_call *call);
/* A number was accepted; the port of its peer, 0 unknown. */
void agent_remember(int fd, uint16_t port);
/* It is about to be given back, or was made in another way. */
void agent_forget(int fd);
/* Whether it must make no calls of its own. */
bool agent_confined(void);
/* Whether the agent has started: else nothing goes the fast way. */
bool agent_started(void);

/* errno and -1, or the result. */
static inline long agent_result(long ret)
{
	if (ret >= 0 || ret < -4095)
		return ret;
	errno = ret == -AGENT_TOLD ? EINTR : (int)-ret;
	return -1;
}

/* A call whose event is its fd and up to three plain arguments. */
long agent_plain(enum call call, long number, const struct agent_args *args, int fd, const uint64_t arg[3]);

#define PLAIN(...)                                                                                           \
	(const uint64_t[3])                                                                                  \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}

#endif
