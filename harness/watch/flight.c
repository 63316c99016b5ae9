/* SPDX-License-Identifier: MIT */
#include "watch/flight.h"

#include <errno.h>
#include <stdlib.h>
#include "watch/ring_abi.h"

#define FLIGHTS_MAX 262144
#define SILENT_MAX                                                                                           \
	64 /* requests with one user_data that only complete when they fail: older ones have succeeded */

static bool is_silent(const struct flight *flight)
{
	return flight->entry.sqe_flags & ABI_SQE_SKIP_SUCCESS;
}

static struct flight *unlink_next(struct flights *flights, struct flight **at)
{
	struct flight *flight = *at;

	*at = flight->next;
	flights->count--;
	return flight;
}

/* The chain's first is the map's; it changes when that one goes. */
static void store_chain(struct flights *flights, uint64_t user_data, struct flight *first)
{
	if (first)
		(void)map_put(&flights->by_data, user_data, first); /* replaces: cannot fail */
	else
		(void)map_remove(&flights->by_data, user_data);
}

static void drop_old_silent(struct flights *flights, struct flight **first)
{
	struct flight **oldest = NULL;
	size_t silent = 0;

	for (struct flight **at = first; *at; at = &(*at)->next) {
		if (!is_silent(*at))
			continue;
		silent++;
		if (!oldest)
			oldest = at;
	}
	if (silent > SILENT_MAX)
		free(unlink_next(flights, oldest));
}

void flights_add(struct flights *flights, const struct flight *flight)
{
	uint64_t user_data = flight->entry.user_data;
	struct flight *first = map_get(&flights->by_data, user_data), **at = &first;
	size_t most = is_silent(flight) ? FLIGHTS_MAX / 2 : FLIGHTS_MAX;
	struct flight *copy = flights->count < most ? malloc(sizeof *copy) : NULL;

	if (!copy)
		return;
	*copy = *flight;
	copy->next = NULL;
	if (!first && map_put(&flights->by_data, user_data, copy) < 0) {
		free(copy);
		return;
	}
	while (*at)
		at = &(*at)->next;
	*at = copy;
	flights->count++;
	if (is_silent(copy)) {
		drop_old_silent(flights, &first);
		store_chain(flights, user_data, first);
	}
}

static bool sends_zero_copy(const struct flight *flight)
{
	return flight->entry.op == OP_SEND_ZC || flight->entry.op == OP_SENDMSG_ZC;
}

/* Results are 0 or an errno. */
static bool only_says_done(unsigned op)
{
	switch (op) {
	case OP_POLL_REMOVE:
	case OP_TIMEOUT:
	case OP_TIMEOUT_REMOVE:
	case OP_LINK_TIMEOUT:
	case OP_CONNECT:
	case OP_CLOSE:
	case OP_EPOLL_CTL:
	case OP_SHUTDOWN:
	case OP_BIND:
	case OP_LISTEN:
	case OP_FSYNC:
		return true;
	default:
		return false;
	}
}

static bool is_timer(unsigned op)
{
	return op == OP_TIMEOUT || op == OP_LINK_TIMEOUT;
}

/* Whether the completion may be this request's. */
static bool fits(const struct flight *flight, int64_t res, uint32_t flags)
{
	bool more = flags & ABI_CQE_F_MORE;

	if (is_silent(flight) && res >= 0)
		return false;
	if ((flags & RING_F_BUFFER) && !(flight->entry.sqe_flags & ABI_SQE_BUFFER_SELECT))
		return false;
	if (more && !ring_multishot(&flight->entry) && !sends_zero_copy(flight))
		return false;
	if ((flags & ABI_CQE_F_NOTIF) && !sends_zero_copy(flight))
		return false;
	if (res > 0 && only_says_done(flight->entry.op))
		return false;
	return (res == -ETIME) == is_timer(flight->entry.op) || res != -ETIME;
}

static bool differ(const struct flight *a, const struct flight *b)
{
	return a->entry.op != b->entry.op || a->fd != b->fd || a->entry.index != b->entry.index;
}

/* The oldest that fits; should none, the oldest. */
static struct flight **choose(struct flight **first, int64_t res, uint32_t flags, bool *ret_guessed)
{
	struct flight **chosen = NULL;

	*ret_guessed = false;
	for (struct flight **at = first; *at; at = &(*at)->next) {
		if (!fits(*at, res, flags))
			continue;
		if (!chosen)
			chosen = at;
		else if (differ(*chosen, *at))
			*ret_guessed = true;
	}
	if (chosen)
		return chosen;
	*ret_guessed = true;
	return first;
}

bool flights_take(struct flights *flights, uint64_t user_data, int64_t res, uint32_t cqe_flags,
		  struct flight *ret_flight, bool *ret_guessed)
{
	struct flight *first = map_get(&flights->by_data, user_data), **at;

	if (!first)
		return false;
	at = choose(&first, res, cqe_flags, ret_guessed);
	*ret_flight = **at;
	if (cqe_flags & ABI_CQE_F_MORE)
		return true;
	free(unlink_next(flights, at));
	store_chain(flights, user_data, first);
	return true;
}

bool flights_know(const struct flights *flights, uint64_t user_data, uint64_t key)
{
	const struct flight *flight = map_get(&flights->by_data, user_data);

	while (flight && flight->key != key)
		flight = flight->next;
	return flight;
}

unsigned flights_op(const struct flights *flights, uint64_t user_data)
{
	const struct flight *flight = map_get(&flights->by_data, user_data);

	return flight ? flight->entry.op : OP_UNKNOWN;
}

void flights_told(struct flights *flights, uint64_t user_data)
{
	struct flight *flight = map_get(&flights->by_data, user_data);

	for (; flight; flight = flight->next)
		flight->untold = false;
}

int flights_each(struct flights *flights, int (*see)(void *arg, struct flight *flight), void *arg)
{
	struct flight *flight;
	size_t at = 0;
	int ret = 0;

	while (ret == 0 && (flight = map_next(&flights->by_data, &at, NULL)))
		for (; flight && ret == 0; flight = flight->next)
			ret = see(arg, flight);
	return ret;
}

void flights_free(struct flights *flights)
{
	struct flight *flight;
	size_t at = 0;

	while ((flight = map_next(&flights->by_data, &at, NULL))) {
		while (flight) {
			struct flight *next = flight->next;

			free(flight);
			flight = next;
		}
	}
	map_free(&flights->by_data);
	flights->count = 0;
}
