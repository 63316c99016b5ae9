/* SPDX-License-Identifier: MIT */
/*
 * What a try showed, as counters for the engine: for each connection (and the listener), the kernel's report,
 * the server's call that followed and its result, each together with the one before; how near a spin it came;
 * how much was done for others while the healthy peer's request waited; how peers were answered. Pure.
 */
#ifndef WRINGER_HUNT_FEEDBACK_H
#define WRINGER_HUNT_FEEDBACK_H

#include <stddef.h>
#include "base/map.h"
#include "model/world.h"

/* The counters are the caller's. */
struct feedback {
	uint8_t *counters;
	size_t count;
	struct map files;   /* id -> struct trail: its last words */
	struct map peers;   /* id -> the same */
	bool kept_waiting;  /* the healthy peer asked, and has no answer yet */
	uint64_t meanwhile; /* bytes moved on other connections since then */
};

void feedback_begin(struct feedback *feedback, uint8_t *counters, size_t count);
/* One event, which the world has followed already. What needs memory that is not there is left out. */
void feedback_event(struct feedback *feedback, const struct world *world, const struct event *event);
/* Something else that is worth telling apart: of a kind, how much of it (by powers of two). */
void feedback_note(struct feedback *feedback, const char *kind, uint64_t amount);
void feedback_release(struct feedback *feedback);

#endif
