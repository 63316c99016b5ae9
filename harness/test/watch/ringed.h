/* SPDX-License-Identifier: MIT */
/*
 * The target's side of the ring tests: an io_uring driven by bare calls, by the build machine's own header,
 * and a list of what the journal should say about each request, written to the result at the end.
 *
 *     ring_op(…) ── fill one SQE
 *     ring_go(n) ── io_uring_enter(submit, wait for n)
 *     wanted[]   ── one entry a submission and one a completion, in the order in which they must stand
 */
#ifndef WRINGER_TEST_RINGED_H
#define WRINGER_TEST_RINGED_H

#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "journal/ring.h"
#include "play.h"

#define WANTED_MAX 256
#define REST_MAX   32

struct wanted {
	uint32_t what;
	int32_t fd;
	int64_t ret;
	struct ring_entry entry;
	uint32_t rest_size;
	char rest[REST_MAX];
};

struct ringed {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *sqes;
	uint32_t filled; /* SQEs since the last enter */
	uint64_t requests;
};

static struct wanted wanted[WANTED_MAX];
static size_t wanted_count;

static inline _Atomic uint32_t *ring_word(const struct ringed *ring, uint32_t offset)
{
	return (_Atomic uint32_t *)(void *)(ring->rings + offset);
}

static inline void ring_map(struct ringed *ring)
{
	size_t sq = ring->params.sq_off.array + ring->params.sq_entries * 4;
	size_t cq = ring->params.cq_off.cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe);

	CHECK(ring->params.features & IORING_FEAT_SINGLE_MMAP);
	ring->rings =
	    mmap(NULL, sq > cq ? sq : cq, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, 0);
	CHECK(ring->rings != MAP_FAILED);
	ring->sqes = mmap(NULL, ring->params.sq_entries * sizeof *ring->sqes, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	CHECK(ring->sqes != MAP_FAILED);
}

/* False when this kernel or its settings refuse rings. */
static inline bool ring_try(struct ringed *ring, unsigned entries, unsigned flags)
{
	*ring = (struct ringed){.params.flags = flags};
	ring->fd = (int)RAW(SYS_io_uring_setup, entries, &ring->params);
	if (ring->fd < 0)
		return false;
	ring_map(ring);
	return true;
}

static inline void ring_make(struct ringed *ring, unsigned entries, unsigned flags)
{
	if (!ring_try(ring, entries, flags))
		_exit(77);
}

/* The next SQE, to be filled further. */
static inline struct io_uring_sqe *ring_op(struct ringed *ring, unsigned op, int fd, uint64_t user_data)
{
	uint32_t tail = *ring_word(ring, ring->params.sq_off.tail) + ring->filled;
	uint32_t index = tail & (ring->params.sq_entries - 1);
	struct io_uring_sqe *sqe = &ring->sqes[index];

	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = (uint8_t)op;
	sqe->fd = fd;
	sqe->user_data = user_data;
	*ring_word(ring, ring->params.sq_off.array + index * 4) = index;
	ring->filled++;
	return sqe;
}

static inline void ring_publish(struct ringed *ring)
{
	atomic_fetch_add(ring_word(ring, ring->params.sq_off.tail), ring->filled);
}

/* Submits what was filled and waits for so many completions. */
static inline void ring_go(struct ringed *ring, unsigned completions)
{
	unsigned filled = ring->filled;

	ring_publish(ring);
	ring->filled = 0;
	CHECK(RAW(SYS_io_uring_enter, ring->fd, filled, completions, completions ? IORING_ENTER_GETEVENTS : 0,
		  NULL, 8) == filled);
}

struct taken {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

/* Takes a completion, without a call; waits for it if need be. */
static inline struct taken ring_take(struct ringed *ring)
{
	_Atomic uint32_t *head = ring_word(ring, ring->params.cq_off.head);
	struct taken *cqes = (void *)(ring->rings + ring->params.cq_off.cqes), cqe;

	while (atomic_load(ring_word(ring, ring->params.cq_off.tail)) == *head)
		;
	cqe = cqes[*head & (ring->params.cq_entries - 1)];
	atomic_fetch_add(head, 1);
	return cqe;
}

/* The last SQE filled should be seen so; details are the caller's to add. */
static inline struct wanted *want_submit(struct ringed *ring, int fd)
{
	const struct io_uring_sqe *sqe =
	    &ring->sqes[(*ring_word(ring, ring->params.sq_off.tail) + ring->filled - 1) &
			(ring->params.sq_entries - 1)];
	struct wanted *want = &wanted[wanted_count++];

	CHECK(wanted_count < WANTED_MAX);
	*want = (struct wanted){
	    .what = RING_SUBMIT,
	    .fd = fd,
	    .entry = {.user_data = sqe->user_data,
		      .request = ++ring->requests,
		      .ring = ring->fd,
		      .index = -1,
		      .op_flags = sqe->rw_flags,
		      .ioprio = sqe->ioprio,
		      .op = sqe->opcode,
		      .sqe_flags = sqe->flags},
	};
	return want;
}

/* And its completion: the same, with what the kernel said. */
static inline struct wanted *want_complete(const struct wanted *submit, struct taken cqe)
{
	struct wanted *want = &wanted[wanted_count++];

	CHECK(wanted_count < WANTED_MAX);
	CHECK(cqe.user_data == submit->entry.user_data);
	*want = *submit;
	want->what = RING_COMPLETE;
	want->ret = cqe.res;
	want->entry.cqe_flags = cqe.flags;
	if (submit->entry.op != OP_EPOLL_CTL)
		want->rest_size = 0;
	return want;
}

static inline void want_rest(struct wanted *want, const void *rest, size_t size)
{
	CHECK(size <= REST_MAX);
	memcpy(want->rest, rest, size);
	want->rest_size = (uint32_t)size;
}

static inline int ring_results(void)
{
	CHECK(write(PLAY_RESULT, wanted, wanted_count * sizeof *wanted) ==
	      (ssize_t)(wanted_count * sizeof *wanted));
	return 0;
}

#endif
