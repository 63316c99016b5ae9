/* SPDX-License-Identifier: MIT */
/*
 * One batch of epoll_wait, then the timers that are due.
 *
 * A callback may remove any fd, close it, and have its number come back as another's before the rest of the
 * batch is handed out: the very mistake the rule stale-event looks for. So every registration has a
 * generation, which travels in epoll's data, and an event whose generation is not the number's present one is
 * dropped. The batch lives on the stack and timers leave the heap before they are called, so a callback may
 * even step the loop itself.
 */
#include "peer/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"

#define BATCH	  64
#define UNORDERED SIZE_MAX

struct slot {
	loop_ready ready; /* NULL: not watched */
	void *arg;
	uint32_t events, generation;
};

struct loop_timer {
	uint64_t when, order; /* order breaks ties: first set, first called */
	loop_due due;
	void *arg;
	size_t place; /* in the heap; UNORDERED once it was taken out */
};

struct loop {
	int epoll;
	struct slot *slots; /* by fd */
	size_t slot_count;
	struct loop_timer **heap;
	size_t timer_count, timer_capacity;
	uint64_t timers_made;
	uint64_t now; /* when the timers were last looked at: none may be set before it */
};

int loop_new(struct loop **ret_loop, struct error *error)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return error_set(error, -ENOMEM, "out of memory for the peers' loop");
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		int code = -errno;
		free(loop);
		return error_set(error, code, "epoll_create1: %s", strerror(-code));
	}
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (size_t i = 0; i < loop->timer_count; i++)
		free(loop->heap[i]);
	free(loop->heap);
	free(loop->slots);
	close(loop->epoll);
	free(loop);
}

static struct slot *slot_of(const struct loop *loop, int fd)
{
	if (fd < 0 || (size_t)fd >= loop->slot_count || !loop->slots[fd].ready)
		return NULL;
	return &loop->slots[fd];
}

static int make_room(struct loop *loop, int fd)
{
	size_t need = (size_t)fd + 1, count = loop->slot_count ? loop->slot_count : 64;

	if (need <= loop->slot_count)
		return 0;
	while (count < need)
		count *= 2;
	struct slot *slots = reallocarray(loop->slots, count, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	memset(slots + loop->slot_count, 0, (count - loop->slot_count) * sizeof *slots);
	loop->slots = slots;
	loop->slot_count = count;
	return 0;
}

static int tell_kernel(struct loop *loop, int op, int fd, uint32_t events, uint32_t generation)
{
	struct epoll_event event = {.events = events, .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd};

	return epoll_ctl(loop->epoll, op, fd, &event) < 0 ? -errno : 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready ready, void *arg)
{
	if (fd < 0 || !ready)
		return -EINVAL;
	int r = make_room(loop, fd);
	if (r < 0)
		return r;
	struct slot *slot = &loop->slots[fd];
	r = tell_kernel(loop, slot->ready ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events, slot->generation + 1);
	if (r < 0)
		return r;
	*slot =
	    (struct slot){.ready = ready, .arg = arg, .events = events, .generation = slot->generation + 1};
	return 0;
}

int loop_change(struct loop *loop, int fd, uint32_t events)
{
	struct slot *slot = slot_of(loop, fd);

	if (!slot)
		return -ENOENT;
	if (slot->events == events)
		return 0;
	int r = tell_kernel(loop, EPOLL_CTL_MOD, fd, events, slot->generation);
	if (r == 0)
		slot->events = events;
	return r;
}

void loop_unwatch(struct loop *loop, int fd)
{
	struct slot *slot = slot_of(loop, fd);

	if (!slot)
		return;
	(void)tell_kernel(loop, EPOLL_CTL_DEL, fd, 0, 0);
	slot->ready = NULL;
	slot->generation++;
}

/* Timers: a binary heap, the next one due at its root. */

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void put(struct loop *loop, size_t place, struct loop_timer *timer)
{
	loop->heap[place] = timer;
	timer->place = place;
}

static void sift_up(struct loop *loop, struct loop_timer *timer)
{
	size_t place = timer->place;

	while (place && before(timer, loop->heap[(place - 1) / 2])) {
		put(loop, place, loop->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(loop, place, timer);
}

static void sift_down(struct loop *loop, struct loop_timer *timer)
{
	size_t place = timer->place, child;

	while ((child = 2 * place + 1) < loop->timer_count) {
		if (child + 1 < loop->timer_count && before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!before(loop->heap[child], timer))
			break;
		put(loop, place, loop->heap[child]);
		place = child;
	}
	put(loop, place, timer);
}

static void take_out(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer *last = loop->heap[--loop->timer_count];
	size_t place = timer->place;

	timer->place = UNORDERED;
	if (last == timer)
		return;
	put(loop, place, last);
	sift_up(loop, last);
	sift_down(loop, last);
}

struct loop_timer *loop_at(struct loop *loop, uint64_t when, loop_due due, void *arg)
{
	struct loop_timer **heap =
	    array_grow(loop->heap, loop->timer_count, &loop->timer_capacity, sizeof *heap);

	if (!heap)
		return NULL;
	loop->heap = heap;
	struct loop_timer *timer = malloc(sizeof *timer);
	if (!timer)
		return NULL;
	/* A time long past may not overtake those that are due already, or one that sets itself again would
	 * starve them. */
	*timer = (struct loop_timer){.when = when > loop->now ? when : loop->now,
				     .order = loop->timers_made++,
				     .due = due,
				     .arg = arg,
				     .place = loop->timer_count++};
	sift_up(loop, timer);
	return timer;
}

void loop_cancel(struct loop *loop, struct loop_timer *timer)
{
	if (!timer ||
	    timer->place == UNORDERED) /* the latter: it is being called right now, and freed after that */
		return;
	take_out(loop, timer);
	free(timer);
}

static void call_due(struct loop *loop)
{
	uint64_t limit =
	    loop->timers_made; /* those set by a callback wait for the next step: fds come first again */

	loop->now = clock_now();
	while (loop->timer_count && loop->heap[0]->when <= loop->now && loop->heap[0]->order < limit) {
		struct loop_timer *timer = loop->heap[0];
		take_out(loop, timer);
		timer->due(timer->arg);
		free(timer);
	}
}

/* Only what is still wanted is handed out: an earlier callback of the batch may have lost interest. */
static void hand_out(struct loop *loop, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		const struct slot *slot = slot_of(loop, (int)(uint32_t)events[i].data.u64);

		if (!slot || slot->generation != events[i].data.u64 >> 32)
			continue;
		uint32_t wanted = events[i].events & (slot->events | EPOLLERR | EPOLLHUP);
		if (wanted)
			slot->ready(slot->arg, wanted);
	}
}

/* epoll_wait counts in milliseconds, epoll_pwait2 is missing on kernels we still meet: poll the epoll itself.
 */
static int wait_ready(struct loop *loop, uint64_t until)
{
	struct pollfd self = {.fd = loop->epoll, .events = POLLIN};
	uint64_t now = clock_now(), wait = until > now ? until - now : 0;
	struct timespec span = {.tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};
	int n = ppoll(&self, 1, &span, NULL);

	return n < 0 ? -errno : n;
}

int loop_step(struct loop *loop, uint64_t until)
{
	struct epoll_event events[BATCH];

	if (loop->timer_count && loop->heap[0]->when < until)
		until = loop->heap[0]->when;
	int n = wait_ready(loop, until);
	if (n > 0) {
		n = epoll_wait(loop->epoll, events, BATCH, 0);
		n = n < 0 ? -errno : n;
	}
	if (n < 0 && n != -EINTR)
		return n;
	hand_out(loop, events, n);
	call_due(loop);
	return 0;
}
