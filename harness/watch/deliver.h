/* SPDX-License-Identifier: MIT */
/* Carrying out a fault on the call a tracee is entering. */
#ifndef WRINGER_WATCH_DELIVER_H
#define WRINGER_WATCH_DELIVER_H

#include "watch/tracer.h"

/*
 * Asks the armed faults about the call. True when it was made to fail: it has been journalled and the kernel
 * skips it. A call that is shortened goes on as usual, false.
 */
bool deliver(struct tracer *tracer, struct tracee *tracee);
/* At the exit stop of a shortened call: the registers as the target left them. */
void deliver_undo(struct tracee *tracee);

#endif
