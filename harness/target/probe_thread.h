/* SPDX-License-Identifier: MIT */
/* One thread of another process: asleep or running, in which call, and its CPU time. */
#ifndef WRINGER_TARGET_PROBE_THREAD_H
#define WRINGER_TARGET_PROBE_THREAD_H

#include <sys/types.h>
#include "journal/event.h"

/* Fills a PROBE_THREAD event. 0, or a negative errno when the thread is gone or may not be asked. */
int probe_thread(pid_t pid, pid_t tid, struct event *ret_event);

#endif
