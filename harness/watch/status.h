/* SPDX-License-Identifier: MIT */
/* What a wait status of a stopped tracee means, and what /proc says about a thread. */
#ifndef WRINGER_WATCH_STATUS_H
#define WRINGER_WATCH_STATUS_H

#include "watch/tracer.h"

/* Acts on the stop of a tracee that is known, and lets it go on. */
void status_handle(struct tracer *tracer, struct tracee *tracee, int status);

/* The thread group of a thread: its own number for a process. 0 when it is gone. Reads /proc. */
pid_t status_group(pid_t tid);
/* Where a new thread comes from: its group, or for a process its parent. 0 when it is gone. */
pid_t status_origin(pid_t tid);
/* Who traces it, 0 nobody; its effective user, -1 when it is gone; its signals that have a handler, bit signo
 * - 1.
 */
pid_t status_tracer(pid_t tid);
int status_owner(pid_t tid);
uint64_t status_handled(pid_t tid);

#endif
