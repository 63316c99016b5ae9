/* SPDX-License-Identifier: MIT */
/*
 * One io_uring of the target, followed from outside.
 *
 *   submission queue   … seen │ sq_next … tail │          read when the target enters the kernel with it
 *   completion queue   … seen │ cq_next … tail │          read whenever we look: at every stop, and at rest
 *
 * The target takes completions without a call, and the kernel then writes over them: what was gone before we
 * looked is counted and said.
 */
#ifndef WRINGER_WATCH_RING_H
#define WRINGER_WATCH_RING_H

#include "journal/journal.h"
#include "watch/request.h"
#include "watch/ring_map.h"

struct ring {
	struct ring *next;
	uint32_t id; /* 1 …, never used again */
	uint64_t
	    key; /* what the kernel calls it, which then tells what is done with it; 0: its memory is read */
	int32_t pid, tid; /* who made it */
	int32_t fd;
	int pidfd; /* the process's, not the ring's own */
	struct abi_params params;
	struct ring_map map;
	struct flights flights;
	uint32_t sq_next, cq_next; /* the next entry to be seen */
	uint64_t requests;
	int32_t *direct; /* fds registered as direct descriptors; -1: none that has a number */
	uint32_t direct_count;
	uint32_t indices; /* threads that have registered it: it lives on when its fd is closed */
	bool closed;	  /* its fd is */
	bool blind;	  /* its memory cannot be read */
	bool direct_said;
	uint64_t
	    vain[256]; /* user_data + 1 of requests whose last completion was vain; 0 none; by its hash */
};

/* What a reading needs beside the ring. */
struct ring_reading {
	struct journal *journal; /* NULL: what is told is noted only */
	struct scratch *scratch;
	const struct seen *seen; /* when the kernel tells */
	uint64_t at;		 /* of the journal; 0: now */
};

/* Maps it. A ring that cannot be read is blind, and said to be. 0 or an error of the journal. */
int ring_open(struct ring *ring, const struct ring_reading *reading);
/* Gives the mapping back and frees; what was not read is gone. */
void ring_free(struct ring *ring);

/* The submissions that wait in it, by that thread. 0 or an error of the journal. */
int ring_read_submissions(struct ring *ring, const struct ring_reading *reading, pid_t pid, pid_t tid);
/* The completions that came. A ring that the kernel polls: its submissions before them. */
int ring_read_completions(struct ring *ring, const struct ring_reading *reading);

/* A request, by that thread, which the kernel calls key (0: nothing), and a completion, as the kernel tells
 * of them. 0, -ENOMEM or an error of the journal. */
int ring_submit(struct ring *ring, const struct ring_reading *reading, const struct abi_sqe *sqe,
		uint64_t key, pid_t pid, pid_t tid);
int ring_complete(struct ring *ring, const struct ring_reading *reading, const struct abi_cqe *cqe);
/* Whether that achieves nothing: an error or the end of a stream; or a request whose like did, the last time.
 */
bool ring_completes_in_vain(const struct ring *ring, const struct abi_cqe *cqe);
bool ring_submits_in_vain(const struct ring *ring, uint64_t user_data);
/* Journals each request in flight: those that were noted only. */
int ring_tell_waiting(struct ring *ring, const struct ring_reading *reading);

/* Says that something of it stays unseen from here on. */
int ring_unseen(const struct ring *ring, const struct ring_reading *reading, enum ring_gap gap,
		const char *why);

/* Direct descriptors: slots from offset on get these fds (NULL: none that has a number). -ENOMEM. */
int ring_set_direct(struct ring *ring, uint32_t offset, const int32_t *fds, uint32_t count);
/* These numbers are closed; their slots live on without. */
void ring_forget_fds(struct ring *ring, uint32_t first, uint32_t last);

#endif
