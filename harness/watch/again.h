/* SPDX-License-Identifier: MIT */
/*
 * Undoing what attaching does to a call. To be attached to, every thread is stopped once, and a call that
 * sleeps ends by it. Most the kernel makes again by itself. epoll_wait, io_uring_enter and sockets with a
 * time-out it ends with EINTR, signal or not (signal(7)); those are made again here, so that the server does
 * not see that somebody came. Only a time-out begins anew.
 */
#ifndef WRINGER_WATCH_AGAIN_H
#define WRINGER_WATCH_AGAIN_H

#include "watch/tracer.h"

/* The call a thread stands in, or comes out of: its number, of those below NUMBER_END, and six arguments. False:
 * in none. */
bool again_standing(pid_t tid, long *ret_number, uint64_t ret_arg[6]);
/* At the stop we asked for. A call that keeps its EINTR is noted in the journal: it is our doing. */
void again_make(struct tracer *tracer, struct tracee *tracee);

#endif
