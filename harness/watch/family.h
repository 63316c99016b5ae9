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

/* The same without a stop. A child is there: of that parent (NULL: nobody knows), with clone's flags. */
void family_adopt(struct tracer *tracer, struct tracee *parent, struct tracee *child, uint64_t flags);
/* exec: the thread that had the number former goes on as tid. NULL: out of memory, and said. */
struct tracee *family_become(struct tracer *tracer, pid_t tid, pid_t former);
/* A signal is about to be delivered; process->handled and restarts say what that does to a call. */
void family_tell_signal(struct tracer *tracer, struct tracee *tracee, int signo);

#endif
