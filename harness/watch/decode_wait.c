/* SPDX-License-Identifier: MIT */
/* Waits: how long at the entry, what is ready at the exit. */
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <time.h>
#include "base/clock.h"
#include "watch/decode.h"
#include "watch/memory.h"
#include "watch/ring_abi.h"

#define FOR_EVER  UINT64_MAX
#define READY_MAX (EVENT_DATA_MAX / sizeof(struct ready))

static void enter_ms(struct decoding *decoding, uint64_t arg)
{
	int ms = (int)arg;

	decoding->state->timeout = FOR_EVER;
	if (ms >= 0)
		decoding->state->timeout = (unsigned)ms * NS_PER_MS;
}

/* Seconds that a program means as "for ever" are that. */
static uint64_t to_ns(int64_t seconds, int64_t rest, uint64_t unit)
{
	if (seconds < 0 || rest < 0)
		return 0;
	if ((uint64_t)seconds >= FOR_EVER / NS_PER_S - 1)
		return FOR_EVER;
	return (uint64_t)seconds * NS_PER_S + (uint64_t)rest * unit;
}

/* A timespec or a timeval: two longs, whose second counts units of so many ns. NULL: for ever. */
static void enter_time(struct decoding *decoding, uint64_t from, uint64_t unit)
{
	long time[2];

	decoding->state->timeout = FOR_EVER;
	if (!from)
		return;
	if (decode_get(decoding, from, time, sizeof time))
		decoding->state->timeout = to_ns(time[0], time[1], unit);
	else
		decode_unreadable(decoding);
}

void decode_enter_ms3(struct decoding *decoding)
{
	enter_ms(decoding, decoding->state->arg[3]);
}

void decode_enter_ms2(struct decoding *decoding)
{
	enter_ms(decoding, decoding->state->arg[2]);
}

void decode_enter_spec3(struct decoding *decoding)
{
	enter_time(decoding, decoding->state->arg[3], 1);
}

void decode_enter_spec2(struct decoding *decoding)
{
	enter_time(decoding, decoding->state->arg[2], 1);
}

void decode_enter_spec0(struct decoding *decoding)
{
	enter_time(decoding, decoding->state->arg[0], 1);
}

/* The time-out is a moment of that clock: a span from now on. */
static void from_moment(struct decoding *decoding, clockid_t clock)
{
	struct call_state *state = decoding->state;
	struct timespec now;
	uint64_t past;

	if (state->timeout == FOR_EVER || clock_gettime(clock, &now) < 0)
		return;
	past = to_ns(now.tv_sec, now.tv_nsec, 1);
	if (decoding->seen)
		past -= decoding->seen->late;
	state->timeout = state->timeout > past ? state->timeout - past : 0;
}

/* clock_nanosleep may name a moment instead of a span. */
void decode_enter_clock(struct decoding *decoding)
{
	struct call_state *state = decoding->state;

	enter_time(decoding, state->arg[2], 1);
	if ((int)state->arg[1] & TIMER_ABSTIME)
		from_moment(decoding, (clockid_t)state->arg[0]);
}

/*
 * How long io_uring_enter sleeps: not at all unless it asks for completions. With a registered wait region
 * the time-out cannot be seen: then a short one is assumed, which claims the least.
 */
void decode_enter_ring(struct decoding *decoding)
{
	struct call_state *state = decoding->state;
	uint64_t flags = state->arg[3];
	struct abi_getevents extended;

	state->timeout = 0;
	if (!(flags & ABI_ENTER_GETEVENTS) || !(uint32_t)state->arg[2])
		return;
	state->timeout = flags & ABI_ENTER_EXT_ARG_REG ? NS_PER_MS : FOR_EVER;
	if (!(flags & ABI_ENTER_EXT_ARG) || (flags & ABI_ENTER_EXT_ARG_REG))
		return;
	if (state->arg[5] != sizeof extended)
		return;
	if (!decode_get(decoding, state->arg[4], &extended, sizeof extended)) {
		decode_unreadable(decoding);
		return;
	}
	enter_time(decoding, extended.timespec, 1);
	if (flags & ABI_ENTER_ABS_TIMER)
		from_moment(decoding, CLOCK_MONOTONIC);
	if (!state->timeout) /* it does look */
		state->timeout = 1;
}

static size_t set_bytes(const struct decoding *decoding)
{
	int count = (int)decoding->state->arg[0];

	if (count < 0)
		return 0;
	return (size_t)(count > ASKED_BITS ? ASKED_BITS : (count + 63) / 64 * 64) / 8;
}

/* Reads the three sets, those that were given, as they are now. */
static bool read_sets(struct decoding *decoding, struct asked *sets)
{
	struct piece pieces[3];
	size_t used = 0, size = set_bytes(decoding);

	for (int i = 0; i < 3; i++) {
		uint64_t from = decoding->state->arg[i + 1];

		memset(sets->set[i], 0, size);
		if (from && size)
			pieces[used++] = (struct piece){from, sets->set[i], size};
	}
	return !used || decode_read(decoding, pieces, used) == used * size;
}

static void enter_sets(struct decoding *decoding)
{
	if (decoding->state->asked && !read_sets(decoding, decoding->state->asked))
		decode_unreadable(decoding);
}

void decode_enter_select(struct decoding *decoding)
{
	enter_time(decoding, decoding->state->arg[4], NS_PER_US);
	enter_sets(decoding);
}

void decode_enter_pselect(struct decoding *decoding)
{
	enter_time(decoding, decoding->state->arg[4], 1);
	enter_sets(decoding);
}

void decode_epoll(struct decoding *decoding)
{
	const struct epoll_event *events = (const struct epoll_event *)decoding->scratch->raw;
	struct ready *ready = (struct ready *)decoding->scratch->data;
	size_t count = decoding->event->ret < 0 ? 0 : (size_t)decoding->event->ret;

	if (count > READY_MAX) {
		count = READY_MAX;
		decoding->event->flags |= EVF_TRUNCATED;
	}
	if (count &&
	    !decode_get(decoding, decoding->state->arg[1], decoding->scratch->raw, count * sizeof *events)) {
		decode_unreadable(decoding);
		return;
	}
	for (size_t i = 0; i < count; i++)
		ready[i] = (struct ready){.data = events[i].data.u64, .events = events[i].events, .fd = -1};
	decode_data(decoding, count * sizeof *ready);
}

#define POLL_CHUNK (EVENT_DATA_MAX / sizeof(struct pollfd))

/* Adds those of a chunk that are ready behind the found ones. Returns how many there are now. */
static size_t poll_chunk(struct decoding *decoding, size_t chunk, size_t found)
{
	const struct pollfd *polled = (const struct pollfd *)decoding->scratch->raw;
	struct ready *ready = (struct ready *)decoding->scratch->data;

	for (size_t i = 0; i < chunk; i++) {
		if (!polled[i].revents)
			continue;
		if (found == READY_MAX) {
			decoding->event->flags |= EVF_TRUNCATED;
			break;
		}
		ready[found++] = (struct ready){.data = (uint16_t)polled[i].events,
						.events = (uint16_t)polled[i].revents,
						.fd = polled[i].fd};
	}
	return found;
}

void decode_poll(struct decoding *decoding)
{
	uint64_t from = decoding->state->arg[0];
	size_t left = (uint32_t)decoding->state->arg[1], found = 0;

	while (decoding->event->ret > 0 && left && found < (uint64_t)decoding->event->ret) {
		size_t chunk = left < POLL_CHUNK ? left : POLL_CHUNK;

		if (!decode_get(decoding, from, decoding->scratch->raw, chunk * sizeof(struct pollfd))) {
			decode_unreadable(decoding);
			return;
		}
		found = poll_chunk(decoding, chunk, found);
		if (decoding->event->flags & EVF_TRUNCATED)
			break;
		from += chunk * sizeof(struct pollfd);
		left -= chunk;
	}
	decode_data(decoding, found * sizeof(struct ready));
}

/* One word of the three sets as epoll masks of the fd at that bit. */
static uint32_t mask_at(const struct asked *sets, size_t word, unsigned bit)
{
	static const uint32_t masks[3] = {EPOLLIN, EPOLLOUT, EPOLLPRI};
	uint32_t mask = 0;

	for (int i = 0; i < 3; i++)
		if (sets->set[i][word] >> bit & 1)
			mask |= masks[i];
	return mask;
}

void decode_select(struct decoding *decoding)
{
	struct asked *result = (struct asked *)decoding->scratch->raw;
	struct ready *ready = (struct ready *)decoding->scratch->data;
	const struct asked *asked = decoding->state->asked;
	size_t found = 0;

	if (decoding->event->ret <= 0)
		return;
	if (!asked || !read_sets(decoding, result)) {
		decode_unreadable(decoding);
		return;
	}
	for (size_t word = 0; word < set_bytes(decoding) / 8; word++) {
		uint64_t any = result->set[0][word] | result->set[1][word] | result->set[2][word];

		for (; any && found < READY_MAX; any &= any - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(any);

			ready[found++] = (struct ready){.data = mask_at(asked, word, bit),
							.events = mask_at(result, word, bit),
							.fd = (int32_t)(word * 64 + bit)};
		}
	}
	decode_data(decoding, found * sizeof *ready);
}

void decode_sleep(struct decoding *decoding)
{
	decoding->event->arg[1] = decoding->state->timeout;
}
