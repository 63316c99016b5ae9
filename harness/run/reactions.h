/* SPDX-License-Identifier: MIT */
/*
 * What came of each peer's fault: what the kernel told the target of it (masks through a wait call,
 * completions through a ring), what the target did, how long until it let go, and what the peer saw. Gathered
 * from a case's journal while the judge reads it; `wringer contrast` sets it side by side.
 */
#ifndef WRINGER_RUN_REACTIONS_H
#define WRINGER_RUN_REACTIONS_H

#include "model/world.h"
#include "run/result.h"

struct reactions;

struct reactions *reactions_new(void); /* NULL: out of memory */
/* One event, which the world has followed already. */
void reactions_event(struct reactions *reactions, const struct world *world, const struct event *event);
/* Fills result's reactions, in the order of the faults. 0 or -ENOMEM. */
int reactions_finish(const struct reactions *reactions, struct result *result);
void reactions_free(struct reactions *reactions);

#endif
