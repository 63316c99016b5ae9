/* SPDX-License-Identifier: MIT */
/* A call of the target, from its seccomp stop to its exit stop. */
#ifndef WRINGER_WATCH_CALL_H
#define WRINGER_WATCH_CALL_H

#include "watch/tracer.h"

/* What the kernel returns inside for "restart me, or say EINTR"; its own headers keep these from programs. */
#define ERESTARTSYS	      512
#define ERESTARTNOINTR	      513
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516

struct __ptrace_syscall_info;

/* A seccomp stop. */
void call_enter(struct tracer *tracer, struct tracee *tracee);
/* What was held back at its seccomp stop goes on from there. */
void call_go_on(struct tracer *tracer, struct tracee *tracee);
/* The exit stop, or, where no filter chooses the calls, either. */
void call_stop(struct tracer *tracer, struct tracee *tracee);
/* Journals the call that was interrupted, as EINTR, now that it is known whether the target sees that (flags:
 * EVF_RESTART if not). */
void call_settle(struct tracer *tracer, struct tracee *tracee, uint16_t flags);
/* Journals the call the tracee is in with that result. */
void call_finish(struct tracer *tracer, struct tracee *tracee, int64_t ret, uint16_t flags);
/* The row of the call that info (of a seccomp stop) tells of, NULL when it is none of ours; fills the
 * tracee's state, which restart_syscall leaves as it was. */
const struct row *call_identify(struct tracer *tracer, struct tracee *tracee,
				const struct __ptrace_syscall_info *info);
/* What is to be told of it, or learnt, before the kernel acts. */
void call_journal_entry(struct tracer *tracer, struct tracee *tracee);
/* The kernel is through with it: ret may be one of the inner ones above. */
void call_leave(struct tracer *tracer, struct tracee *tracee, int64_t ret);

#endif
