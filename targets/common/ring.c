/* SPDX-License-Identifier: MIT */
#include "common/ring.h"

#include <assert.h>
#include <errno.h>

int ring_open(struct io_uring *ring, unsigned entries)
{
	/* A multishot request makes many completions of one submission: room for them. If it is not enough
	 * the kernel ends such requests early (no F_MORE), and they are armed again. */
	struct io_uring_params params = {
	    .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
	    .cq_entries = entries * 8,
	};

	return io_uring_queue_init_params(entries, ring, &params);
}

bool ring_refuses(int error)
{
	return error == -ENOSYS || error == -EPERM || error == -EACCES || error == -EINVAL;
}

bool ring_room(struct io_uring *ring, unsigned entries)
{
	if (io_uring_sq_space_left(ring) < entries)
		(void)io_uring_submit(ring); /* what could not be submitted still takes its room */
	return io_uring_sq_space_left(ring) >= entries;
}

struct io_uring_sqe *ring_next(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	assert(sqe);
	return sqe;
}

int ring_wait(struct io_uring *ring, int timeout)
{
	struct __kernel_timespec limit = {
	    .tv_sec = timeout / 1000,
	    .tv_nsec = (long long)(timeout % 1000) * 1000000,
	};
	struct io_uring_cqe *cqe;
	int result = io_uring_submit_and_wait_timeout(ring, &cqe, 1, timeout < 0 ? NULL : &limit, NULL);

	switch (result) {
	case -EINTR:  /* a signal, a debugger */
	case -ETIME:  /* the time-out */
	case -EAGAIN: /* no memory for more requests now */
	case -EBUSY:  /* completions are to be fetched first */
		return 0;
	default:
		return result < 0 ? result : 0;
	}
}
