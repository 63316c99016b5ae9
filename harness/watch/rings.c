/* SPDX-License-Identifier: MIT */
#include "watch/rings.h"

#include <errno.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "watch/rings_inner.h"
#include "watch/seen.h"
#include "watch/sight.h"

#define FILES_MOST 4096 /* direct descriptors taken in by one call */

struct rings *rings_new(struct journal *journal)
{
	struct rings *rings = calloc(1, sizeof *rings);

	if (!rings)
		return NULL;
	pthread_mutex_init(&rings->lock, NULL);
	rings->reading = (struct ring_reading){.journal = journal, .scratch = &rings->scratch};
	return rings;
}

void rings_free(struct rings *rings)
{
	if (!rings)
		return;
	while (rings->first) {
		struct ring *ring = rings->first;

		rings->first = ring->next;
		ring_free(ring);
	}
	pthread_mutex_destroy(&rings->lock);
	free(rings);
}

void rings_blindfold(struct rings *rings, const char *why)
{
	rings->blindfold = why;
}

void rings_lock(struct rings *rings, const struct tracer *tracer)
{
	pthread_mutex_lock(&rings->lock);
	rings->reading.seen = tracer->seen;
	rings->reading.at = tracer->at;
}

void rings_unlock(struct rings *rings)
{
	rings->reading.seen = NULL;
	rings->reading.at = 0;
	pthread_mutex_unlock(&rings->lock);
}

static int sample_locked(struct rings *rings)
{
	int ret = 0;

	for (struct ring *ring = rings->first; ring && ret == 0; ring = ring->next)
		ret = ring_read_completions(ring, &rings->reading);
	return ret;
}

int rings_sample(struct rings *rings, bool may_wait)
{
	int ret;

	if (!atomic_load_explicit(&rings->count, memory_order_relaxed))
		return 0;
	if (may_wait)
		pthread_mutex_lock(&rings->lock);
	else if (pthread_mutex_trylock(&rings->lock))
		return 0;
	ret = sample_locked(rings);
	pthread_mutex_unlock(&rings->lock);
	return ret;
}

void rings_check(struct tracer *tracer, int ret)
{
	if (ret < 0)
		watcher_broke(tracer->watcher, ret, "the journal cannot be written");
}

static struct ring *find_by_fd(const struct rings *rings, int32_t pid, int32_t fd)
{
	for (struct ring *ring = rings->first; ring; ring = ring->next)
		if (ring->pid == pid && ring->fd == fd && !ring->closed)
			return ring;
	return NULL;
}

struct ring *rings_find_by_key(const struct rings *rings, int32_t pid, uint64_t key)
{
	for (struct ring *ring = rings->first; ring; ring = ring->next)
		if (ring->key == key && (ring->pid == pid || !pid))
			return ring;
	return NULL;
}

static struct ring *find_by_id(const struct rings *rings, uint32_t id)
{
	for (struct ring *ring = rings->first; ring; ring = ring->next)
		if (ring->id == id)
			return ring;
	return NULL;
}

struct ring *rings_add(struct rings *rings, const struct tracee *tracee, int32_t fd)
{
	struct ring *ring = calloc(1, sizeof *ring);

	if (!ring)
		return NULL;
	ring->id = ++rings->ids;
	ring->pid = tracee->process->pid;
	ring->tid = tracee->tid;
	ring->pidfd = tracee->process->pidfd;
	ring->fd = fd;
	ring->next = rings->first;
	rings->first = ring;
	atomic_fetch_add(&rings->count, 1);
	return ring;
}

static void drop(struct rings *rings, struct ring *ring)
{
	struct ring **at = &rings->first;

	while (*at != ring)
		at = &(*at)->next;
	*at = ring->next;
	ring_free(ring);
	atomic_fetch_sub(&rings->count, 1);
}

/*
 * Its fd is closed, or a thread that had registered it is gone: with the last of both the ring ends. One that
 * lives on by index has no name any more that a journal could give it.
 */
static int drop_unused(struct rings *rings, struct ring *ring)
{
	if (!ring->closed)
		return 0;
	if (!ring->indices) {
		drop(rings, ring);
		return 0;
	}
	if (ring->blind)
		return 0;
	ring->blind = true;
	ring_map_close(&ring->map);
	return ring_unseen(ring, &rings->reading, RING_GAP_ALL,
			   "its fd is closed and it lives on by its index: requests are not seen any more");
}

/* The ring that a call names: by its fd, or by the index under which the thread registered it. */
static struct ring *named(const struct rings *rings, const struct tracee *tracee, uint64_t fd, bool by_index)
{
	uint64_t key = by_index ? rings_key_told(rings) : 0;

	if (!by_index)
		return find_by_fd(rings, tracee->process->pid, (int32_t)fd);
	if (key)
		return rings_find_by_key(rings, tracee->process->pid, key);
	return fd < RING_INDICES ? find_by_id(rings, tracee->rings[fd]) : NULL;
}

/* Memory of the target, as it was at the call. */
static bool get(const struct rings *rings, const struct tracee *tracee, uint64_t from, void *to, size_t size)
{
	return seen_get(rings->reading.seen, tracee->tid, from, to, size);
}

static bool is_by_index(const struct call_state *state)
{
	if (state->row->call == CALL_io_uring_enter)
		return state->arg[3] & ABI_ENTER_REGISTERED_RING;
	return state->row->call == CALL_io_uring_register && (state->arg[1] & ABI_REGISTER_BY_INDEX);
}

/* A ring that was there before we looked, or came from another process: nothing of it is known. */
static int meet_stranger(struct rings *rings, const struct tracee *tracee, int32_t fd)
{
	struct ring *ring = rings_add(rings, tracee, fd);

	if (!ring)
		return -ENOMEM;
	ring->blind = true;
	return ring_unseen(ring, &rings->reading, RING_GAP_ALL,
			   "it was not made under our eyes: requests are not seen");
}

static int enter_locked(struct rings *rings, struct tracee *tracee)
{
	struct call_state *state = &tracee->state;
	bool by_index = is_by_index(state), submits = state->row->call == CALL_io_uring_enter;
	struct ring *ring = named(rings, tracee, state->arg[0], by_index);

	if (ring)
		state->arg[0] = (uint32_t)ring->fd;
	if (!submits)
		return 0;
	if (!ring)
		return state->arg[1] && !by_index ? meet_stranger(rings, tracee, (int32_t)state->arg[0]) : 0;
	return state->arg[1] ? ring_read_submissions(ring, &rings->reading, tracee->process->pid, tracee->tid)
			     : 0;
}

void rings_enter(struct tracer *tracer, struct tracee *tracee)
{
	struct rings *rings = tracer->watcher->rings;
	enum call call = tracee->state.row->call;
	int ret;

	if (call != CALL_io_uring_enter && call != CALL_io_uring_register)
		return;
	rings_lock(rings, tracer);
	ret = enter_locked(rings, tracee);
	rings_unlock(rings);
	rings_check(tracer, ret);
}

uint64_t rings_key_told(const struct rings *rings)
{
	size_t size = 0;
	const void *told = seen_find(rings->reading.seen, SIGHT_URING, &size);
	uint64_t key = 0;

	if (size >= sizeof key)
		memcpy(&key, told, sizeof key);
	return key;
}

/* The kernel may call a new ring what it called one that is gone. */
static int name_by_key(struct rings *rings, struct ring *ring)
{
	uint64_t key = rings_key_told(rings);
	struct ring *former = rings_find_by_key(rings, 0, key);

	if (former)
		former->key = 0;
	ring->key = key;
	ring->blind = !key;
	return key ? 0
		   : ring_unseen(ring, &rings->reading, RING_GAP_ALL,
				 "the kernel did not say which it is: requests are not seen");
}

static int made(struct rings *rings, const struct tracee *tracee, const struct event *event)
{
	struct ring *ring = find_by_fd(rings, tracee->process->pid, (int32_t)event->ret);

	if (ring)
		drop(rings, ring);
	ring = rings_add(rings, tracee, (int32_t)event->ret);
	if (!ring)
		return -ENOMEM;
	if (rings->blindfold) {
		ring->blind = true;
		return ring_unseen(ring, &rings->reading, RING_GAP_ALL, rings->blindfold);
	}
	if (!get(rings, tracee, tracee->state.arg[1], &ring->params, sizeof ring->params)) {
		ring->blind = true;
		return ring_unseen(ring, &rings->reading, RING_GAP_ALL,
				   "its parameters cannot be read: requests are not seen");
	}
	if (ring->params.flags & ABI_SETUP_REGISTERED_FD_ONLY) {
		ring->fd = -1; /* what setup returned is an index */
		ring->closed = true;
		ring->indices = 1;
		ring->blind = true;
		return ring_unseen(ring, &rings->reading, RING_GAP_ALL,
				   "it has no fd, only an index: requests are not seen");
	}
	return rings->told ? name_by_key(rings, ring) : ring_open(ring, &rings->reading);
}

/* REGISTER_RING_FDS: the kernel has written where each came to stand. */
static void register_rings(struct rings *rings, struct tracee *tracee, const struct event *event)
{
	struct abi_update updates[RING_INDICES];
	size_t count = event->ret > RING_INDICES ? RING_INDICES : (size_t)event->ret;

	if (!get(rings, tracee, tracee->state.arg[2], updates, count * sizeof *updates))
		return;
	for (size_t i = 0; i < count; i++) {
		struct ring *ring = find_by_fd(rings, tracee->process->pid, (int32_t)updates[i].data);

		if (!ring || updates[i].offset >= RING_INDICES)
			continue;
		ring->indices++;
		tracee->rings[updates[i].offset] = ring->id;
	}
}

static void unregister_index(struct rings *rings, struct tracee *tracee, uint32_t index)
{
	struct ring *ring = index < RING_INDICES ? find_by_id(rings, tracee->rings[index]) : NULL;

	if (!ring)
		return;
	tracee->rings[index] = 0;
	ring->indices--;
	(void)drop_unused(rings, ring);
}

static void unregister_rings(struct rings *rings, struct tracee *tracee, const struct event *event)
{
	struct abi_update updates[RING_INDICES];
	size_t count = event->ret > RING_INDICES ? RING_INDICES : (size_t)event->ret;

	if (!get(rings, tracee, tracee->state.arg[2], updates, count * sizeof *updates))
		return;
	for (size_t i = 0; i < count; i++)
		unregister_index(rings, tracee, updates[i].offset);
}

/* Fds become direct descriptors. An empty array is a table of empty slots. */
static int register_files(struct rings *rings, struct ring *ring, const struct tracee *tracee,
			  uint32_t opcode)
{
	const uint64_t *arg = tracee->state.arg;
	struct {
		uint32_t first, second; /* count and flags, or offset and nothing */
		uint64_t rest, fds;
	} wrapped = {0};
	int32_t *fds = (int32_t *)rings->scratch.raw;
	uint64_t from = arg[2], count = (uint32_t)arg[3], offset = 0;

	if (opcode != ABI_REGISTER_FILES) {
		if (!get(rings, tracee, arg[2], &wrapped, sizeof wrapped))
			return 0;
		from = opcode == ABI_REGISTER_FILES2 ? wrapped.fds : wrapped.rest;
		if (opcode == ABI_REGISTER_FILES2)
			count = wrapped.first;
		else
			offset = wrapped.first;
	}
	if (opcode == ABI_REGISTER_FILES_UPDATE2) { /* its count stands behind the tags */
		uint32_t behind[2];

		if (!get(rings, tracee, arg[2] + ABI_UPDATE2_COUNT, behind, sizeof behind))
			return 0;
		count = behind[0];
	}
	if (count > FILES_MOST)
		count = FILES_MOST;
	if (!from || !get(rings, tracee, from, fds, count * sizeof *fds))
		return ring_set_direct(ring, (uint32_t)offset, NULL, (uint32_t)count);
	return ring_set_direct(ring, (uint32_t)offset, fds, (uint32_t)count);
}

static int registered(struct rings *rings, struct tracee *tracee, const struct event *event)
{
	uint32_t opcode = (uint32_t)event->arg[0] & ~ABI_REGISTER_BY_INDEX;
	struct ring *ring = find_by_fd(rings, tracee->process->pid, event->fd);

	switch (opcode) {
	case ABI_REGISTER_RING_FDS:
		register_rings(rings, tracee, event);
		return 0;
	case ABI_UNREGISTER_RING_FDS:
		unregister_rings(rings, tracee, event);
		return 0;
	case ABI_REGISTER_FILES:
	case ABI_REGISTER_FILES2:
	case ABI_REGISTER_FILES_UPDATE:
	case ABI_REGISTER_FILES_UPDATE2:
		return ring ? register_files(rings, ring, tracee, opcode) : 0;
	case ABI_UNREGISTER_FILES:
		return ring ? ring_set_direct(ring, 0, NULL, ring->direct_count) : 0;
	case ABI_REGISTER_RESIZE_RINGS:
		if (!ring || ring->blind)
			return 0;
		ring->blind = true;
		ring_map_close(&ring->map);
		return ring_unseen(ring, &rings->reading, RING_GAP_ALL,
				   "it was resized: requests are not seen any more");
	default:
		return 0;
	}
}

/* These numbers of that process are closed. */
static int closed(struct rings *rings, int32_t pid, uint32_t first, uint32_t last)
{
	int ret = sample_locked(rings);

	for (struct ring *ring = rings->first, *next; ring; ring = next) {
		next = ring->next;
		if (ring->pid != pid)
			continue;
		ring_forget_fds(ring, first, last);
		if (ring->closed || ring->fd < 0 || (uint32_t)ring->fd < first || (uint32_t)ring->fd > last)
			continue;
		ring->closed = true;
		if (ret == 0)
			ret = drop_unused(rings, ring);
	}
	return ret;
}

static int follow_locked(struct rings *rings, struct tracee *tracee, const struct event *event)
{
	switch (event->what) {
	case CALL_io_uring_setup:
		return made(rings, tracee, event);
	case CALL_io_uring_register:
		return registered(rings, tracee, event);
	case CALL_close:
		return closed(rings, event->pid, (uint32_t)event->fd, (uint32_t)event->fd);
	case CALL_close_range:
		return event->arg[2] & CLOSE_RANGE_CLOEXEC
			   ? 0
			   : closed(rings, event->pid, (uint32_t)event->arg[0], (uint32_t)event->arg[1]);
	default:
		return 0;
	}
}

void rings_follow(struct tracer *tracer, struct tracee *tracee, const struct event *event)
{
	struct rings *rings = tracer->watcher->rings;
	int ret;

	if (event->ret < 0 || (event->flags & EVF_INJECTED))
		return;
	if (event->what != CALL_io_uring_setup && !atomic_load_explicit(&rings->count, memory_order_relaxed))
		return;
	rings_lock(rings, tracer);
	ret = follow_locked(rings, tracee, event);
	rings_unlock(rings);
	rings_check(tracer, ret);
}

void rings_leave(struct tracer *tracer, struct tracee *tracee, bool process)
{
	struct rings *rings = tracer->watcher->rings;
	int ret;

	if (!atomic_load_explicit(&rings->count, memory_order_relaxed) || !tracee->process)
		return;
	rings_lock(rings, tracer);
	ret = sample_locked(rings);
	for (uint32_t i = 0; i < RING_INDICES; i++)
		unregister_index(rings, tracee, i);
	for (struct ring *ring = rings->first, *next; ring && process; ring = next) {
		next = ring->next;
		if (ring->pid == tracee->process->pid)
			drop(rings, ring);
	}
	rings_unlock(rings);
	rings_check(tracer, ret);
}
