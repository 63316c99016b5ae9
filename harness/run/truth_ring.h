/* SPDX-License-Identifier: MIT */
/* The least of io_uring that an experiment needs: one request, and whether it completed. */
#ifndef WRINGER_RUN_TRUTH_RING_H
#define WRINGER_RUN_TRUTH_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct truth_ring {
	int fd;
	void *rings, *requests;
	size_t rings_size;
	uint32_t *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	void *completions;
};

/* 0, or a negative errno: -ENOSYS, -EPERM where io_uring is refused. */
int truth_ring_open(struct truth_ring *ring);
void truth_ring_close(struct truth_ring *ring);
/* Readiness, once, of those bits. */
int truth_ring_poll(struct truth_ring *ring, int fd, uint32_t events);
/* A receive into memory that must stay until it completes. */
int truth_ring_receive(struct truth_ring *ring, int fd, void *into, uint32_t size);
/* Whether the request completed; patient: it is expected to, so it is waited for (bounded). 1 with
 * *ret_result, 0, or a negative errno. */
int truth_ring_result(struct truth_ring *ring, bool patient, int32_t *ret_result);

#endif
