/* SPDX-License-Identifier: MIT */
#include "watch/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "watch/borrow.h"
#include "watch/memory.h"
#include "watch/sight.h"
#include "watch/slot.h"

#define DIRECT_MAX  (1u << 20)
#define DIRECT_SKIP (-2) /* IORING_REGISTER_FILES_SKIP: this slot stays as it is */
#define WAITED_MAX  1024

static int append(const struct ring *ring, const struct ring_reading *reading, struct event *event)
{
	if (!event->pid) {
		event->pid = ring->pid;
		event->tid = ring->tid;
	}
	event->at = reading->at;
	return reading->journal ? journal_append(reading->journal, event) : 0;
}

int ring_unseen(const struct ring *ring, const struct ring_reading *reading, enum ring_gap gap,
		const char *why)
{
	struct event event = event_make(EV_RING, RING_UNSEEN);

	event.fd = ring->fd;
	event.arg[0] = gap;
	event.data = why;
	event.size = (uint32_t)strlen(why) + 1;
	return append(ring, reading, &event);
}

int ring_open(struct ring *ring, const struct ring_reading *reading)
{
	int ret = ring_map_open(&ring->map, ring->pid, ring->pidfd, ring->fd, &ring->params);
	char why[96];

	if (ret == 0)
		return 0;
	ring->blind = true;
	(void)snprintf(why, sizeof why, "its memory cannot be mapped (%s): requests are not seen",
		       strerror(-ret));
	return ring_unseen(ring, reading, RING_GAP_ALL, why);
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	ring_map_close(&ring->map);
	flights_free(&ring->flights);
	free(ring->direct);
	free(ring);
}

int ring_set_direct(struct ring *ring, uint32_t offset, const int32_t *fds, uint32_t count)
{
	uint32_t end = offset + count;

	if (end < offset || end > DIRECT_MAX)
		return 0;
	if (end > ring->direct_count) {
		int32_t *direct = realloc(ring->direct, end * sizeof *direct);

		if (!direct)
			return -ENOMEM;
		for (uint32_t i = ring->direct_count; i < end; i++)
			direct[i] = -1;
		ring->direct = direct;
		ring->direct_count = end;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!fds || fds[i] != DIRECT_SKIP)
			ring->direct[offset + i] = fds ? fds[i] : -1;
	}
	return 0;
}

void ring_forget_fds(struct ring *ring, uint32_t first, uint32_t last)
{
	for (uint32_t i = 0; i < ring->direct_count; i++) {
		int32_t fd = ring->direct[i];

		if (fd >= 0 && (uint32_t)fd >= first && (uint32_t)fd <= last)
			ring->direct[i] = -1;
	}
}

/* The number behind a slot, where there is one; said once, where there is none. */
static int resolve_direct(struct ring *ring, const struct ring_reading *reading, struct flight *flight,
			  bool makes)
{
	int32_t slot = flight->entry.index;

	if (slot < 0)
		return 0;
	if (!makes && (uint32_t)slot < ring->direct_count)
		flight->fd = ring->direct[slot];
	if ((!makes && flight->fd >= 0) || ring->direct_said)
		return 0;
	ring->direct_said = true;
	return ring_unseen(ring, reading, RING_GAP_DIRECT,
			   "it uses direct descriptors: what has no number cannot be asked about itself");
}

/* Writes one event: the entry, and what stands behind it. */
static int tell(struct ring *ring, const struct ring_reading *reading, struct event *event,
		const struct flight *flight, const void *rest, size_t size)
{
	char *data = reading->scratch->data;

	memcpy(data, &flight->entry, sizeof flight->entry);
	if (size)
		memmove(data + sizeof flight->entry, rest, size);
	event->fd = flight->fd;
	event->data = data;
	event->size = (uint32_t)(sizeof flight->entry + size);
	return append(ring, reading, event);
}

static int lost(struct ring *ring, const struct ring_reading *reading, uint32_t count, bool completions)
{
	struct event event = event_make(EV_RING, RING_LOST);

	event.fd = ring->fd;
	event.ret = count;
	event.arg[0] = completions;
	return append(ring, reading, &event);
}

/* The SQE at a position of the queue. */
static bool get_sqe(const struct ring *ring, uint32_t position, struct abi_sqe *sqe)
{
	const struct abi_params *params = &ring->params;
	size_t stride = sizeof *sqe << (params->flags & ABI_SETUP_SQE128 ? 1 : 0);
	uint32_t index = position & (params->sq_entries - 1);

	if (!(params->flags & ABI_SETUP_NO_SQARRAY) &&
	    !ring_map_copy(&ring->map, RING_AREA_SQ, params->sq.array + index * sizeof index, &index,
			   sizeof index))
		return false;
	return index < params->sq_entries &&
	       ring_map_copy(&ring->map, RING_AREA_SQES, index * stride, sqe, sizeof *sqe);
}

int ring_submit(struct ring *ring, const struct ring_reading *reading, const struct abi_sqe *sqe,
		uint64_t key, pid_t pid, pid_t tid)
{
	struct event event = event_make(EV_RING, RING_SUBMIT);
	struct request request = {.pid = pid, .seen = reading->seen, .sqe = sqe, .scratch = reading->scratch};
	int ret;

	request_decode(&request);
	request.flight.entry.ring = ring->fd;
	request.flight.entry.request = ++ring->requests;
	request.flight.key = key;
	request.flight.untold = !reading->journal;
	ret = resolve_direct(ring, reading, &request.flight, request.makes);
	if (ret < 0)
		return ret;
	flights_add(&ring->flights, &request.flight);
	event.pid = pid;
	event.tid = tid;
	event.flags = request.unreadable ? EVF_UNREADABLE : 0;
	return tell(ring, reading, &event, &request.flight, request.rest, request.rest_size);
}

int ring_read_submissions(struct ring *ring, const struct ring_reading *reading, pid_t pid, pid_t tid)
{
	uint32_t tail, waiting;
	int ret = 0;

	if (ring->blind || ring->key || !ring_map_word(&ring->map, RING_AREA_SQ, ring->params.sq.tail, &tail))
		return 0;
	waiting = tail - ring->sq_next;
	if (waiting > UINT32_MAX / 2) { /* the target took some back */
		ring->sq_next = tail;
		return 0;
	}
	if (waiting > ring->params.sq_entries) {
		ret = lost(ring, reading, waiting - ring->params.sq_entries, false);
		ring->sq_next = tail - ring->params.sq_entries;
	}
	while (ring->sq_next != tail && ret == 0) {
		struct abi_sqe sqe;

		if (get_sqe(ring, ring->sq_next, &sqe))
			ret = ring_submit(ring, reading, &sqe, 0, pid, tid);
		ring->sq_next++;
	}
	return ret;
}

/* The peer's address of a connection just accepted, into the scratch: as the kernel told it … */
static size_t told_from(const struct ring_reading *reading, char *out)
{
	size_t size = 0;
	const void *told = seen_find(reading->seen, SIGHT_PEER, &size);

	if (size)
		memcpy(out, told, size);
	return size;
}

/* … or as the socket says. */
static size_t accepted_from(const struct ring *ring, const struct flight *flight, int fd, char *out)
{
	struct sockaddr_storage address = {0};
	uint32_t size = borrow_address(ring->pidfd, fd, true, &address);
	uint32_t room;

	/* The one it was accepted from may be gone already; the target has been told, if it wanted to be. */
	if (!size && flight->address && flight->address_size && !ring_multishot(&flight->entry) &&
	    memory_get(ring->pid, flight->address_size, &room, sizeof room) && room <= sizeof address &&
	    memory_get(ring->pid, flight->address, &address, room))
		size = room;
	memcpy(out, &address, size);
	return size;
}

/* … or, of one in a slot, as the kernel lists it. */
static size_t accepted_into(const struct ring *ring, const struct flight *flight, int32_t res, char *out)
{
	struct sockaddr_storage address;
	int32_t slot = flight->entry.index == INT32_MAX ? res : flight->entry.index;
	uint32_t size = slot_peer(ring->pid, ring->fd, slot, &address);

	memcpy(out, &address, size);
	return size;
}

/* EPOLL_WAIT: as epoll_wait's. */
static size_t waited_for(const struct ring *ring, const struct ring_reading *reading,
			 const struct flight *flight, int64_t count, char *out)
{
	const struct epoll_event *events = (const struct epoll_event *)reading->scratch->raw;
	struct ready ready = {.fd = -1};
	size_t used = 0;

	if (count > WAITED_MAX)
		count = WAITED_MAX;
	if (!memory_get(ring->pid, flight->address, reading->scratch->raw, (size_t)count * sizeof *events))
		return 0;
	for (int64_t i = 0; i < count; i++, used += sizeof ready) {
		ready.data = events[i].data.u64;
		ready.events = events[i].events;
		memcpy(out + used, &ready, sizeof ready);
	}
	return used;
}

/* What the completion brings beside its result. */
static size_t brought(const struct ring *ring, const struct ring_reading *reading,
		      const struct flight *flight, int64_t res, char *out)
{
	switch (flight->entry.op) {
	case OP_ACCEPT:
		if (res < 0)
			return 0;
		if (ring->key)
			return told_from(reading, out);
		return flight->entry.index < 0 ? accepted_from(ring, flight, (int)res, out)
					       : accepted_into(ring, flight, (int32_t)res, out);
	case OP_EPOLL_WAIT:
		return res > 0 ? waited_for(ring, reading, flight, res, out) : 0;
	case OP_EPOLL_CTL:
		memcpy(out, &flight->ctl, sizeof flight->ctl);
		return sizeof flight->ctl;
	default:
		return 0;
	}
}

static uint64_t *vain_place(const struct ring *ring, uint64_t user_data)
{
	/* Multiplied, so that the high bits of pointers have a say. */
	return (uint64_t *)&ring->vain[user_data * 0x9e3779b97f4a7c15ULL >> 56];
}

/* An error, or the end of the stream. 0 alone is what other operations say when all is well. */
static bool is_vain(unsigned op, int64_t res)
{
	return res < 0 || (res == 0 && ring_op_class(op) == CLASS_READ);
}

static void note_vain(struct ring *ring, const struct flight *flight, const struct abi_cqe *cqe)
{
	uint64_t *place = vain_place(ring, cqe->user_data), mark = cqe->user_data + 1;

	if (is_vain(flight->entry.op, cqe->res))
		*place = mark;
	else if (*place == mark)
		*place = 0;
}

bool ring_submits_in_vain(const struct ring *ring, uint64_t user_data)
{
	return *vain_place(ring, user_data) == user_data + 1;
}

bool ring_completes_in_vain(const struct ring *ring, const struct abi_cqe *cqe)
{
	return is_vain(flights_op(&ring->flights, cqe->user_data), cqe->res);
}

/* A submission of which the journal does not know, for its completion is to be told. */
static int tell_before(struct ring *ring, const struct ring_reading *reading, const struct flight *flight)
{
	struct event event = event_make(EV_RING, RING_SUBMIT);

	if (!flight->untold || !reading->journal)
		return 0;
	flights_told(&ring->flights, flight->entry.user_data);
	return tell(ring, reading, &event, flight, NULL, 0);
}

/* Slots that a request filled or emptied lead to no number any more. */
static void forget_slots(struct ring *ring, const struct flight *flight, int64_t res)
{
	int32_t slot = flight->entry.index == INT32_MAX ? (int32_t)res : flight->entry.index;
	uint64_t first = (uint32_t)slot, count = 1;

	if (flight->entry.op == OP_FILES_UPDATE) {
		first = flight->entry.extra;
		count = (uint64_t)res;
	} else if (slot < 0 || (ring_op_class(flight->entry.op) != CLASS_CREATE &&
				flight->entry.op != OP_ACCEPT && flight->entry.op != OP_CLOSE)) {
		return;
	}
	for (uint64_t i = 0; res >= 0 && i < count && first + i < ring->direct_count; i++)
		ring->direct[first + i] = -1;
}

int ring_complete(struct ring *ring, const struct ring_reading *reading, const struct abi_cqe *cqe)
{
	struct event event = event_make(EV_RING, RING_COMPLETE);
	struct flight flight = {.fd = -1, .entry = {.op = OP_UNKNOWN, .index = -1}};
	char *rest = reading->scratch->data + sizeof flight.entry;
	bool guessed = false;
	size_t size = 0;
	int ret = 0;

	if (flights_take(&ring->flights, cqe->user_data, cqe->res, cqe->flags, &flight, &guessed)) {
		ret = tell_before(ring, reading, &flight);
		size = brought(ring, reading, &flight, cqe->res, rest);
	}
	note_vain(ring, &flight, cqe);
	forget_slots(ring, &flight, cqe->res);
	if (flight.entry.op == OP_CLOSE && cqe->res == 0 && flight.fd >= 0)
		ring_forget_fds(ring, (uint32_t)flight.fd, (uint32_t)flight.fd);
	flight.entry.ring = ring->fd;
	flight.entry.user_data = cqe->user_data;
	flight.entry.cqe_flags = cqe->flags;
	event.ret = cqe->res;
	event.flags = guessed ? EVF_GUESSED : 0;
	return ret ? ret : tell(ring, reading, &event, &flight, rest, size);
}

/* How many positions the entry takes; 0 when it cannot be read. */
static uint32_t get_cqe(const struct ring *ring, uint32_t position, struct abi_cqe *cqe)
{
	const struct abi_params *params = &ring->params;
	size_t stride = sizeof *cqe << (params->flags & ABI_SETUP_CQE32 ? 1 : 0);
	size_t offset = params->cq.cqes + (position & (params->cq_entries - 1)) * stride;

	if (!ring_map_copy(&ring->map, RING_AREA_CQ, offset, cqe, sizeof *cqe))
		return 0;
	return (params->flags & ABI_SETUP_CQE_MIXED) && (cqe->flags & ABI_CQE_F_32) ? 2 : 1;
}

/* Whether the entry was still there after it was copied: the kernel writes over what the target has taken. */
static bool still_there(const struct ring *ring, uint32_t position)
{
	uint32_t head, tail;

	if (!ring_map_word(&ring->map, RING_AREA_CQ, ring->params.cq.tail, &tail) ||
	    !ring_map_word(&ring->map, RING_AREA_CQ, ring->params.cq.head, &head))
		return false;
	return tail - position < ring->params.cq_entries || (int32_t)(head - position) <= 0;
}

static int read_cqes(struct ring *ring, const struct ring_reading *reading, uint32_t tail)
{
	uint32_t gone = 0, waiting = tail - ring->cq_next;
	int ret = 0;

	if (waiting > ring->params.cq_entries) {
		gone = waiting - ring->params.cq_entries;
		ring->cq_next += gone;
	}
	while (ring->cq_next != tail && ret == 0) {
		struct abi_cqe cqe;
		uint32_t width = get_cqe(ring, ring->cq_next, &cqe);
		bool there = width && still_there(ring, ring->cq_next);

		if (there && gone) {
			ret = lost(ring, reading, gone, true);
			gone = 0;
		}
		gone += !there;
		if (ret == 0 && there && !(cqe.flags & ABI_CQE_F_SKIP))
			ret = ring_complete(ring, reading, &cqe);
		ring->cq_next += width > 1 && tail - ring->cq_next > 1 ? 2 : 1;
	}
	return gone && ret == 0 ? lost(ring, reading, gone, true) : ret;
}

int ring_read_completions(struct ring *ring, const struct ring_reading *reading)
{
	uint32_t tail;
	int ret = 0;

	if (ring->blind || ring->key || !ring_map_word(&ring->map, RING_AREA_CQ, ring->params.cq.tail, &tail))
		return 0;
	/* What is complete at this tail was submitted before it: read it first. */
	if (ring->params.flags & ABI_SETUP_SQPOLL)
		ret = ring_read_submissions(ring, reading, ring->pid, ring->tid);
	if (ret == 0 && tail != ring->cq_next)
		ret = read_cqes(ring, reading, tail);
	return ret;
}

struct telling {
	struct ring *ring;
	const struct ring_reading *reading;
};

static int tell_waiting(void *arg, struct flight *flight)
{
	const struct telling *telling = arg;
	struct event event = event_make(EV_RING, RING_SUBMIT);

	if (!flight->untold)
		return 0;
	flight->untold = false;
	return tell(telling->ring, telling->reading, &event, flight, NULL, 0);
}

int ring_tell_waiting(struct ring *ring, const struct ring_reading *reading)
{
	struct telling telling = {ring, reading};

	return flights_each(&ring->flights, tell_waiting, &telling);
}
