/* SPDX-License-Identifier: MIT */
/*
 * Rings as the kernel's tracepoints tell of them (bpf): each request at the moment it is taken out of the
 * queue, each completion at the moment it is posted, whichever thread, the kernel's own included, does it.
 * What nobody can overwrite or take before we look needs no sampling.
 */
#include <errno.h>
#include <string.h>
#include "watch/rings_inner.h"
#include "watch/sight.h"

static int submitted(struct rings *rings, struct tracer *tracer, struct ring *ring, const struct sight *sight)
{
	bool known = tracee_find(tracer, (pid_t)sight->tid), found = sight->kind == SIGHT_WAITING;
	size_t size = 0;
	const struct abi_sqe *sqe = seen_find(rings->reading.seen, SIGHT_SQE, &size);

	if (size < sizeof *sqe)
		return 0;
	/* It may have been submitted under our eyes before it was found. */
	if (found && flights_know(&ring->flights, sqe->user_data, sight->arg[1]))
		return 0;
	return ring_submit(ring, &rings->reading, sqe, sight->arg[1], (pid_t)sight->pid,
			   known ? (pid_t)sight->tid : ring->tid);
}

static struct abi_cqe completion_of(const struct sight *sight)
{
	return (struct abi_cqe){sight->arg[1], (int32_t)sight->ret, (uint32_t)sight->arg[2]};
}

static int completed(struct rings *rings, struct ring *ring, const struct sight *sight)
{
	const struct abi_cqe cqe = completion_of(sight);

	return ring_complete(ring, &rings->reading, &cqe);
}

/* A process's first fd of a ring is its name. */
static int found(struct rings *rings, struct tracer *tracer, const struct sight *sight)
{
	const struct tracee *tracee = tracee_find(tracer, (pid_t)sight->pid);
	struct ring *ring;

	if (!tracee || !tracee->process || rings_find_by_key(rings, (int32_t)sight->pid, sight->arg[0]))
		return 0;
	ring = rings_add(rings, tracee, (int32_t)sight->arg[1]);
	if (!ring)
		return -ENOMEM;
	ring->key = sight->arg[0];
	return 0;
}

static int go_blind(struct rings *rings)
{
	int ret = 0;

	rings_blindfold(rings, RINGS_UNKNOWN);
	for (struct ring *ring = rings->first; ring && ret == 0; ring = ring->next) {
		if (!ring->blind)
			ret = ring_unseen(ring, &rings->reading, RING_GAP_ALL, RINGS_UNKNOWN);
		ring->blind = true;
	}
	return ret;
}

/* Rings that are not known, another process's or one closed in the meantime, are passed over. */
static int hear(struct rings *rings, struct tracer *tracer, const struct sight *sight)
{
	struct ring *ring = rings_find_by_key(rings, (int32_t)sight->pid, sight->arg[0]);

	if (sight->kind == SIGHT_UNSEEN)
		return go_blind(rings);
	if (sight->kind == SIGHT_URING_THERE)
		return found(rings, tracer, sight);
	if (!ring || ring->blind)
		return 0;
	return sight->kind == SIGHT_COMPLETE ? completed(rings, ring, sight)
					     : submitted(rings, tracer, ring, sight);
}

void rings_hear(struct tracer *tracer, const struct sight *sight, bool quiet)
{
	struct rings *rings = tracer->watcher->rings;
	struct journal *journal = rings->reading.journal;
	int ret;

	rings_lock(rings, tracer);
	if (quiet)
		rings->reading.journal = NULL;
	ret = hear(rings, tracer, sight);
	rings->reading.journal = journal;
	rings_unlock(rings);
	rings_check(tracer, ret);
}

bool rings_in_vain(struct tracer *tracer, const struct sight *sight)
{
	struct rings *rings = tracer->watcher->rings;
	const struct ring *ring;
	const struct abi_sqe *sqe;
	struct abi_cqe cqe = completion_of(sight);
	size_t size = 0;
	bool vain = false;

	rings_lock(rings, tracer);
	ring = rings_find_by_key(rings, (int32_t)sight->pid, sight->arg[0]);
	if (ring && sight->kind == SIGHT_COMPLETE)
		vain = ring_completes_in_vain(ring, &cqe);
	else if (ring && sight->kind == SIGHT_SUBMIT &&
		 (sqe = seen_find(rings->reading.seen, SIGHT_SQE, &size)) && size >= sizeof *sqe)
		vain = ring_submits_in_vain(ring, sqe->user_data);
	rings_unlock(rings);
	return vain;
}

void rings_listen(struct rings *rings)
{
	rings->told = true;
}

bool rings_know(struct rings *rings, int32_t pid, int32_t fd)
{
	bool known = false;

	pthread_mutex_lock(&rings->lock);
	for (const struct ring *ring = rings->first; ring && !known; ring = ring->next)
		known = ring->pid == pid && ring->fd == fd && !ring->blind;
	pthread_mutex_unlock(&rings->lock);
	return known;
}

void rings_tell_waiting(struct tracer *tracer)
{
	struct rings *rings = tracer->watcher->rings;
	int ret = 0;

	rings_lock(rings, tracer);
	for (struct ring *ring = rings->first; ring && ret == 0; ring = ring->next)
		ret = ring_tell_waiting(ring, &rings->reading);
	rings_unlock(rings);
	rings_check(tracer, ret);
}
