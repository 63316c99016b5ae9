/* SPDX-License-Identifier: MIT */
/*
 * Calls held back: a thread stays in its stop before the call for as long as a delay says, while the tracer
 * goes on with all others.
 */
#ifndef WRINGER_WATCH_HOLD_H
#define WRINGER_WATCH_HOLD_H

#include <stdint.h>
#include <sys/types.h>

struct holds;
struct tracee;
struct tracer;

/*
 * The tracee, which stands before its call, is resumed no earlier than so many ns from now, by hold_release;
 * a tracee that dies before is forgotten. 0, -ENOMEM, or the errno of a timer.
 */
int hold_begin(struct tracer *tracer, struct tracee *tracee, uint64_t ns);
/* waitpid for any thread of the target, which says EINTR when it is time for hold_release. */
pid_t hold_wait(struct tracer *tracer, int *ret_status);
/* Whose time has come goes on with its call. */
void hold_release(struct tracer *tracer);
/* NULL is fine. */
void holds_free(struct holds *holds);

#endif
