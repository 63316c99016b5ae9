/* SPDX-License-Identifier: MIT */
#include "run/truth_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "watch/ring_abi.h"

#define OP_POLL_ADD 6
#define OP_RECV	    27
#define ENTRIES	    4

struct timeout {
	int64_t seconds, ns;
};

int truth_ring_open(struct truth_ring *ring)
{
	struct abi_params params = {0};
	long fd = syscall(SYS_io_uring_setup, ENTRIES, &params);

	*ring = (struct truth_ring){.fd = (int)fd};
	if (fd < 0)
		return -errno;
	size_t sq = params.sq.array + params.sq_entries * sizeof(uint32_t);
	size_t cq = params.cq.cqes + params.cq_entries * sizeof(struct abi_cqe);
	ring->rings_size = sq > cq ? sq : cq;
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			   ring->fd, (off_t)ABI_OFF_RINGS);
	ring->requests = mmap(NULL, params.sq_entries * sizeof(struct abi_sqe), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_POPULATE, ring->fd, (off_t)ABI_OFF_SQES);
	if (!(params.features & ABI_FEAT_SINGLE_MMAP) || ring->rings == MAP_FAILED ||
	    ring->requests == MAP_FAILED) {
		truth_ring_close(ring);
		return -ENOSYS;
	}
	char *base = ring->rings;
	ring->sq_tail = (void *)(base + params.sq.tail);
	ring->sq_mask = (void *)(base + params.sq.ring_mask);
	ring->sq_array = (void *)(base + params.sq.array);
	ring->cq_head = (void *)(base + params.cq.head);
	ring->cq_tail = (void *)(base + params.cq.tail);
	ring->cq_mask = (void *)(base + params.cq.ring_mask);
	ring->completions = base + params.cq.cqes;
	return 0;
}

void truth_ring_close(struct truth_ring *ring)
{
	if (ring->rings && ring->rings != MAP_FAILED)
		(void)munmap(ring->rings, ring->rings_size);
	if (ring->requests && ring->requests != MAP_FAILED)
		(void)munmap(ring->requests, ENTRIES * sizeof(struct abi_sqe));
	if (ring->fd >= 0)
		(void)close(ring->fd);
	*ring = (struct truth_ring){.fd = -1};
}

static int submit(struct truth_ring *ring, const struct abi_sqe *request)
{
	uint32_t tail = *ring->sq_tail, index = tail & *ring->sq_mask;
	long r;

	((struct abi_sqe *)ring->requests)[index] = *request;
	ring->sq_array[index] = index;
	atomic_store_explicit((_Atomic uint32_t *)ring->sq_tail, tail + 1, memory_order_release);
	r = syscall(SYS_io_uring_enter, ring->fd, 1, 0, ABI_ENTER_GETEVENTS, NULL, 0);
	return r < 0 ? -errno : r == 1 ? 0 : -EIO;
}

int truth_ring_poll(struct truth_ring *ring, int fd, uint32_t events)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	events =
	    events << 16 | events >> 16; /* the halves of poll32_events are in the order of poll_events */
#endif
	const struct abi_sqe request = {.opcode = OP_POLL_ADD, .fd = fd, .op_flags = events};

	return submit(ring, &request);
}

int truth_ring_receive(struct truth_ring *ring, int fd, void *into, uint32_t size)
{
	const struct abi_sqe request = {
	    .opcode = OP_RECV, .fd = fd, .addr = (uint64_t)(uintptr_t)into, .len = size};

	return submit(ring, &request);
}

int truth_ring_result(struct truth_ring *ring, bool patient, int32_t *ret_result)
{
	const struct timeout timeout = {.seconds = 1};
	const struct abi_getevents wait = {.timespec = (uint64_t)(uintptr_t)&timeout};
	uint32_t head = *ring->cq_head;

	/* entering also runs what the kernel has put off until then */
	if (syscall(SYS_io_uring_enter, ring->fd, 0, patient ? 1 : 0, ABI_ENTER_GETEVENTS | ABI_ENTER_EXT_ARG,
		    &wait, sizeof wait) < 0 &&
	    errno != ETIME && errno != EINTR)
		return -errno;
	if (head == atomic_load_explicit((_Atomic uint32_t *)ring->cq_tail, memory_order_acquire))
		return 0;
	*ret_result = ((struct abi_cqe *)ring->completions)[head & *ring->cq_mask].res;
	atomic_store_explicit((_Atomic uint32_t *)ring->cq_head, head + 1, memory_order_release);
	return 1;
}
