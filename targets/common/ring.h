/* SPDX-License-Identifier: MIT */
/* An io_uring as every server here wants it: opened, asked for room, waited for. */
#ifndef TARGETS_RING_H
#define TARGETS_RING_H

#include <liburing.h>
#include <stdbool.h>

/* What a program says that cannot run here, as test suites know it. */
#define RING_REFUSED 77

/*
 * Opens a ring for `entries` submissions in one go. One thread submits and waits, and completions are made
 * only when it waits. 0 or a negative errno; ring_refuses says which of them mean that there is no io_uring
 * for us.
 */
int ring_open(struct io_uring *ring, unsigned entries);
/* ENOSYS: built without; EPERM: forbidden by sysctl or a seccomp filter; EINVAL: older than Linux 6.1. */
bool ring_refuses(int error);

/*
 * Submits what is prepared if fewer than `entries` are free. False: the kernel takes none now (it is out of
 * memory for them); wait for completions first. True: the next `entries` calls of ring_next succeed.
 */
bool ring_room(struct io_uring *ring, unsigned entries);
/* A free entry; there must be room. */
struct io_uring_sqe *ring_next(struct io_uring *ring);

/*
 * Submits what is prepared and waits for a completion, at most that long (ms, -1: for ever). 0 also after a
 * signal, the time-out, or when the kernel could not take everything: look at the completions and come again.
 * Else a negative errno.
 */
int ring_wait(struct io_uring *ring, int timeout);

#endif
