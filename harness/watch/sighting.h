/* SPDX-License-Identifier: MIT */
/* From what the program in the kernel tells (sight.h) to the journal, by way of the tracer's tables: the same
 * rows and decoders as under ptrace. */
#ifndef WRINGER_WATCH_SIGHTING_H
#define WRINGER_WATCH_SIGHTING_H

#include "watch/lens.h"
#include "watch/tracer.h"

/* What was told until now goes to the journal, up to so many records. How many it was. Under the tracer's
 * lock, which the others take. */
uint64_t sighting_collect(struct tracer *tracer, struct lens *lens, uint64_t most);
/* A process has ended with that wait status, as the one who reaped it says: told of now, should it not have
 * been. */
void sighting_ended(struct tracer *tracer, pid_t pid, int status);
/* At the end: what was lost, and nothing came behind it. */
void sighting_finish(struct tracer *tracer, const struct lens *lens);

#endif
