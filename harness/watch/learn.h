/* SPDX-License-Identifier: MIT */
/* What a server has that is attached to: its processes, threads and fds, as events of EV_FOUND. */
#ifndef WRINGER_WATCH_LEARN_H
#define WRINGER_WATCH_LEARN_H

#include "watch/tracer.h"

/* Of the processes with these pids, parents first; those that are no tracees are left out. cost: what being
 * watched so means for them, for a note. 0 or a negative errno. */
int learn_family(struct tracer *tracer, const pid_t *pids, size_t count, const char *cost);

#endif
