/* SPDX-License-Identifier: MIT */
/* Carrying out a fault on the call a tracee is entering. */
#ifndef WRINGER_WATCH_DELIVER_H
#define WRINGER_WATCH_DELIVER_H

#include "watch/tracer.h"

/* Asks the armed faults about the call. True: this one is to strike it. */
bool deliver_decide(struct tracer *tracer, struct tracee *tracee, struct fault *ret_fault);
/* Whether the fault is a delay that holds the call back now: journalled; the tracee is not resumed until
 * then. */
bool deliver_delay(struct tracer *tracer, struct tracee *tracee, const struct fault *fault);
/*
 * The others. True when the call was made to fail: it has been journalled and the kernel skips it. A call
 * that is shortened, or that cannot be struck, goes on as usual, false.
 */
bool deliver(struct tracer *tracer, struct tracee *tracee, const struct fault *fault);
/* At the exit stop of a shortened call: the registers as the target left them. */
void deliver_undo(struct tracee *tracee);

#endif
