/* SPDX-License-Identifier: MIT */
/* How the target's processes and threads come, change and go: fork, exec, exit, signals. */
#ifndef WRINGER_WATCH_FAMILY_H
#define WRINGER_WATCH_FAMILY_H

#include "watch/tracer.h"

/* The stop of a thread nobody announced: held until its parent's event comes, which may be behind it in the
 * queue. */
void family_hold(struct tracer *tracer, pid_t tid, int status);
/* PTRACE_EVENT_FORK, VFORK, CLONE. */
void family_fork(struct tracer *tracer, struct tracee *tracee, int event);
/* PTRACE_EVENT_EXEC. tid is the process now, whichever thread called exec. */
void family_exec(struct tracer *tracer, pid_t tid);
/* A thread is gone. */
void family_exit(struct tracer *tracer, pid_t tid, int status);
/* A signal is about to be delivered. */
void family_signal(struct tracer *tracer, struct tracee *tracee, int signo);

#endif
