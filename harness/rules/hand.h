/* SPDX-License-Identifier: MIT */
/*
 * Our own hand in a case: what wringer itself did to the target, so that no rule blames the target for it.
 * Limits, signals, injected failures, and from when on whatever ends ends because somebody asked for it.
 */
#ifndef WRINGER_RULES_HAND_H
#define WRINGER_RULES_HAND_H

#include <stdbool.h>
#include <stdint.h>
#include "base/map.h"
#include "journal/event.h"
#include "model/world.h"

/* Zero-initialised is the beginning. Times are 0 for never. */
struct hand {
	uint64_t stop_asked; /* MARK_STOP, or a signal of ours that ends a process */
	bool frozen;	     /* SIGSTOP is in force */
	uint64_t thawed;     /* SIGCONT */
	uint32_t limits;     /* processes whose fd limit is lowered now */
	uint64_t limit_lifted;
	bool limited_from_start;
	uint64_t fds_short;    /* last call that found no free fd or no memory for one, injected or real */
	uint64_t accept_bent;  /* last accept that was made to fail */
	uint64_t other_bent;   /* last call that was made to fail on something that is no connection (waits do
				  not count) */
	struct map soft;       /* pid -> its limit, and whether it is lowered */
	struct map told;       /* pid -> it was sent a signal that asks to stop, by whomever */
	struct map spoilt;     /* file id -> file: a call on it was made to fail */
	struct map bent_reads; /* file id -> file: its last read was made to fail or cut short */
	struct map bent_writes; /* the same for writes */
};

/* Follows an event that is in the world already. 0 or -ENOMEM. */
int hand_follow(struct hand *hand, const struct world *world, const struct event *event);
/* Whether this process was asked to end. */
bool hand_told(const struct hand *hand, int32_t pid);
bool hand_spoilt(const struct hand *hand, const struct file *file);
bool hand_bent_read(const struct hand *hand, const struct file *file);
/*
 * Whether the connection is edge-triggered, by epoll or by a multishot poll of io_uring, and we cut its last
 * read or write short: the target may take that for the end of what there is (epoll(7) says so), and waits
 * for an edge that the kernel has no reason to give.
 */
bool hand_starved(const struct hand *hand, const struct file *file);
/* The file is forgotten. */
void hand_forget(struct hand *hand, const struct file *file);
void hand_release(struct hand *hand);

#endif
