/* SPDX-License-Identifier: MIT */
/*
 * Inside of the agent. Every wrapper has one shape:
 *
 *     slot = agent_begin(CALL_x)      NULL: the slow way
 *     ret = agent_fast(…)             the kernel acts
 *     record = agent_open(slot, …)    room in the ring, filled by the wrapper
 *     agent_commit(slot, record)      the watcher may take it
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

/* The slot of this thread when it may take the fast way with that call now, else NULL. */
struct agent_slot *agent_begin(enum call call);

/* Room for a record with so many bytes of data; waits while the ring is full. All of it is filled but the
 * arguments past what is given here, which are 0. */
struct agent_record *agent_open(struct agent_slot *slot, enum event_kind kind, enum call call, int fd,
				size_t data_size);
void agent_commit(struct agent_slot *slot, struct agent_record *record);

static inline void *agent_data(struct agent_record *record)
{
	return record + 1;
}

/* A finished call without data. Not when the tracer has told it. */
void agent_tell(struct agent_slot *slot, enum call call, int fd, long ret, const uint64_t arg[3]);

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
static inline long agent_asleep(const struct agent_slot *slot, long number, const struct agent_args *args)
{
	int before = PTHREAD_CANCEL_DEFERRED;
	long ret;

	if (pthread_setcanceltype)
		(void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
	ret = slot ? agent_fast(number, args) : agent_slow(number, args);
	if (pthread_setcanceltype)
		(void)pthread_setcanceltype(before, &before);
	return ret;
}

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
