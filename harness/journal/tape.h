/* SPDX-License-Identifier: MIT */
/* Events kept in memory, in their order: a journal for whoever looks at it more than once and writes no file.
 */
#ifndef WRINGER_JOURNAL_TAPE_H
#define WRINGER_JOURNAL_TAPE_H

#include "base/buf.h"
#include "journal/event.h"

/* Zero-initialised is empty. */
struct tape {
	struct buf records; /* each an event, its data behind it */
};

/* A copy, with what it points to. 0 or -ENOMEM. */
int tape_add(struct tape *tape, const struct event *event);
/* Hands all of them to sink, which may not add any, until it says something other than 0: which is returned.
 */
int tape_play(const struct tape *tape, int (*sink)(void *arg, const struct event *event), void *arg);
/* Empty again, its memory kept. */
void tape_clear(struct tape *tape);
void tape_free(struct tape *tape);

#endif
