/* SPDX-License-Identifier: MIT */
/*
 * The ground truth: what one round of probes said, kept until the round is over and judged as a whole.
 *
 *   MARK_QUIET  probe probe probe …  peers close, MARK_RECOVERY …  probe probe …  MARK_STOP
 *               └────── a round ───┘ judged here                   └── another ─┘ judged here
 *
 * A family asks ground_over before ground_follow, judges when it says so, and once more at the journal's end.
 * The world has followed the event that ends the round by then: what a peer did at that moment counts as not
 * done, by its time.
 */
#ifndef WRINGER_RULES_GROUND_H
#define WRINGER_RULES_GROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/map.h"
#include "journal/event.h"
#include "model/world.h"
#include "rules/rule.h"

/* A socket or listener as it was found. */
struct ground_fd {
	struct file *file;
	bool listener;
	int32_t pid;
	uint64_t at;
	uint64_t waiting;	  /* bytes to be read, or connections to be accepted */
	uint64_t unacked;	  /* socket: bytes the peer has not acknowledged */
	uint32_t mask;		  /* poll() of it */
	unsigned state;		  /* socket: TCP state */
	bool guarded;		  /* socket: keep-alive or a user timeout is set */
	uint64_t inward, outward; /* how often the target had read (or accepted), had written, by then */
	uint64_t
	    waiting_since; /* first probe that saw something waiting, nothing read since; 0 nothing waits */
	uint64_t writable_since; /* first probe that saw it writable, no write since; 0 it is not */
};

struct ground_interest {
	struct file *file;
	uint32_t events;
};

struct ground_process {
	int32_t pid;
	uint64_t fds, cpu, limit;
};

/* Zero-initialised is "no probe yet". */
struct ground {
	bool open;	 /* probes were taken in that nobody judged yet */
	enum mark phase; /* of the round */
	uint64_t began;
	struct ground_fd *fds, *before; /* of this round, of the round before */
	size_t fd_count, fd_capacity, before_count, before_capacity;
	struct ground_interest *interests;
	size_t interest_count, interest_capacity;
	struct ground_process *processes;
	size_t process_count, process_capacity;
	struct map letters; /* tid -> state letter, the call it is in above the lowest byte */
};

/* Whether the round that is open ends with this event. */
bool ground_over(const struct ground *ground, const struct event *event);
/* Takes in the event. 0 or -ENOMEM. */
int ground_follow(struct ground *ground, const struct world *world, const struct event *event);
/* Whether the round was made when things should be at rest: QUIET or later but before STOP, or a watch
 * without scenario. */
bool ground_at_rest(const struct ground *ground);
const struct ground_fd *ground_find(const struct ground *ground, const struct file *file);
/* Whether the probes found a thread running, or kept from it by the disk. */
bool ground_runs(const struct ground *ground);
/* What the probes found a thread at: the call it is in (CALL_unknown for none, and for those nobody asked
 * about), its state letter ('S' asleep, 0 not probed). */
enum call ground_call(const struct ground *ground, int32_t tid, char *ret_letter);
/* Whether the probes found a thread inside a call that is no wait: busy with something, though it sleeps. */
bool ground_busy(const struct ground *ground, const struct world *world);
const struct ground_process *ground_process(const struct ground *ground, int32_t pid);
void ground_release(struct ground *ground);

/* What interest lists hold about the file, by the trace and by fdinfo, and polls of it in flight in a ring.
 */
struct ground_armed {
	bool any;
	uint32_t events; /* all of them together */
	bool level;	 /* one of them asks for IN, level-triggered */
	bool disarmed;	 /* one-shot, delivered, not armed again */
};
struct ground_armed ground_armed(const struct ground *ground, const struct file *file);

/*
 * How long (ns, scaled) something must have waited before a sleeping target may be said to have forgotten it:
 * short when all of its threads sleep without a time-out, long when a timer may still come. 0 when the target
 * does not sleep: then no conclusion is possible.
 */
uint64_t ground_patience(const struct ground *ground, const struct judge *judge, bool *ret_certain);

#endif
