/* SPDX-License-Identifier: MIT */
/*
 * All rings of a target. The watcher thread follows what is done with them at its stops; whoever wants to
 * know what has happened while the target sleeps may sample them from any thread.
 */
#ifndef WRINGER_WATCH_RINGS_H
#define WRINGER_WATCH_RINGS_H

#include <stdbool.h>
#include "journal/journal.h"

#define RING_INDICES 16 /* a thread may register so many rings: IO_RINGFD_REG_MAX of the kernel */

/* Why a ring is not looked into by bpf, where it is not. */
#define RINGS_UNKNOWN "this kernel's tracepoints of io_uring are not those known: requests are not seen"

struct rings;
struct sight;
struct tracer;
struct tracee;

struct rings *rings_new(struct journal *journal); /* NULL: out of memory */
void rings_free(struct rings *rings);

/* From here on each new ring is only said to be unseen, and why. */
void rings_blindfold(struct rings *rings, const char *why);

/*
 * What has come in any ring since it was looked at last. Cheap when there is none. The thread that drains the
 * journal must not wait: whoever holds the lock may be waiting for it, and is looking anyway. 0 or an error
 * of the journal.
 */
int rings_sample(struct rings *rings, bool may_wait);

/* A call is entered: the ring it names by index becomes its fd, submissions are read. */
void rings_enter(struct tracer *tracer, struct tracee *tracee);
/* A call is over (or, a close, about to be) and journalled: rings come and go. */
void rings_follow(struct tracer *tracer, struct tracee *tracee, const struct event *event);
/* A thread ends, or its process passes exec: so do what it had registered, and with its last thread the
 * process's rings. */
void rings_leave(struct tracer *tracer, struct tracee *tracee, bool process);

/* By bpf: from here on the kernel tells what is done with rings, and their memory is not looked into. */
void rings_listen(struct rings *rings);
/* What it tells: SIGHT_SUBMIT and those behind it. quiet: that is noted, and not journalled. */
void rings_hear(struct tracer *tracer, const struct sight *sight, bool quiet);
/* Whether that is a request or completion that achieves nothing, as the one before it did. */
bool rings_in_vain(struct tracer *tracer, const struct sight *sight);
/* Whether it tells of that ring. */
bool rings_know(struct rings *rings, int32_t pid, int32_t fd);
/* Attached, all rings found and the tracer running: what waits in them is journalled, as submitted now. */
void rings_tell_waiting(struct tracer *tracer);

#endif
