/* SPDX-License-Identifier: MIT */
/*
 * What a journal is made of, counted before it is judged: most families can tell from it that nothing in
 * there is theirs to find (rule_family.silent), and then need not hear of it. For many short journals,
 * fuzzing's above all.
 */
#ifndef WRINGER_RULES_CONTENTS_H
#define WRINGER_RULES_CONTENTS_H

#include <stdbool.h>
#include <stdint.h>
#include "journal/event.h"

struct contents {
	uint64_t kinds[EV_KINDS];
	uint64_t classes[CLASS_COUNT], failed[CLASS_COUNT]; /* calls; those that gave an errno */
	uint64_t reports;				    /* ready descriptors that waits returned */
	uint64_t moved, written; /* bytes that reads and writes moved; writes alone */
	uint64_t bad;		 /* calls on numbers that led nowhere: EBADF, and ENOENT of epoll_ctl */
	uint64_t interrupted;	 /* EINTR */
	uint64_t wrong;		 /* answers to peers */
	uint64_t given_up;	 /* peers, or canaries, whose patience ended without an answer */
	uint64_t samples;	 /* MARK_SAMPLE */
	uint64_t exits;		 /* of processes before MARK_STOP or MARK_END */
	uint64_t stuck;		 /* probes of a sleeping thread that is in no epoll wait */
	uint64_t cpu, resident;	 /* the most that a probe said, in ns and bytes */
	uint64_t told_at;	 /* the first signal that asks to end; 0: none */
	uint64_t ended_at;	 /* the last end of a process; 0: none */
	bool crowd;		 /* more than one thread was seen */
	bool recovered;		 /* a healthy client that came after MARK_RECOVERY was answered */
	/* while it is counted */
	bool stopping, recovering, waiting;
	int32_t pid, tid, fresh;
};

/* Counts one more event. Zero-initialised is an empty journal. */
void contents_count(struct contents *contents, const struct event *event);

#endif
