/* SPDX-License-Identifier: MIT */
/* Figures and masks of a case, gathered from its journal while the judge reads it. */
#ifndef WRINGER_RUN_MEASURES_H
#define WRINGER_RUN_MEASURES_H

#include "model/world.h"
#include "run/result.h"

struct measures;

struct measures *measures_new(void); /* NULL: out of memory */
/* One event, which the world has followed already. 0 or -ENOMEM. */
int measures_event(struct measures *measures, const struct world *world, const struct event *event);
/* Fills result's measures and masks. 0 or -ENOMEM. */
int measures_finish(struct measures *measures, const struct world *world, struct result *result);
void measures_free(struct measures *measures);

#endif
