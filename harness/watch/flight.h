/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight: submitted, their last completion not seen yet. A completion names its request by
 * user_data only, which programs may use more than once (0 for everything they do not care about), so it is
 * matched by what it can be.
 */
#ifndef WRINGER_WATCH_FLIGHT_H
#define WRINGER_WATCH_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/map.h"
#include "journal/ring.h"

struct flight {
	struct flight *next; /* with the same user_data, in order of submission */
	struct ring_entry entry;
	uint64_t key;			/* what the kernel calls it; 0 not known */
	bool untold;			/* its submission is not in the journal */
	int32_t fd;			/* as in the event */
	struct ready ctl;		/* EPOLL_CTL: what was asked */
	uint64_t address, address_size; /* where the target wants what the completion brings */
};

/* Zero-initialised is empty. */
struct flights {
	struct map by_data;
	size_t count;
};

/* Keeps a copy. Out of memory, or with absurdly many, it is not kept and its completion will be of an unknown
 * request. */
void flights_add(struct flights *flights, const struct flight *flight);
/*
 * The request that completion belongs to; it is over and taken out unless F_MORE says that more follows.
 * ret_guessed: several different ones would have fitted. False when there is none.
 */
bool flights_take(struct flights *flights, uint64_t user_data, int64_t res, uint32_t cqe_flags,
		  struct flight *ret_flight, bool *ret_guessed);
/* Whether one with that user_data is in flight that the kernel calls so. */
bool flights_know(const struct flights *flights, uint64_t user_data, uint64_t key);
/* What the oldest with that user_data does; OP_UNKNOWN: there is none. */
unsigned flights_op(const struct flights *flights, uint64_t user_data);
/* Those with that user_data are in the journal now. */
void flights_told(struct flights *flights, uint64_t user_data);
/* Every one, in no order, until below 0 is returned: then that. */
int flights_each(struct flights *flights, int (*see)(void *arg, struct flight *flight), void *arg);
void flights_free(struct flights *flights);

#endif
