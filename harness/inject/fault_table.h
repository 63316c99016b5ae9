/* SPDX-License-Identifier: MIT */
/*
 * The faults armed now, as those see them who decide: the watcher, and an agent in the target, at the same
 * time and without a lock. In shared memory or not; all of it may be zero to begin with. One writer, who
 * holds a lock of his own (fault_set.c), arms and lifts.
 *
 *     arm      fault, counts, calls ── then state: a new generation, live
 *     decide   state ── matches? count for the process ── strikes? state: delivered + 1, while still that
 * generation and live lift     state: no longer live; what was delivered stands in it, and nothing is added
 * any more
 *
 * Free of libc, for the agent.
 */
#ifndef WRINGER_INJECT_FAULT_TABLE_H
#define WRINGER_INJECT_FAULT_TABLE_H

#include <stdatomic.h>
#include "inject/fault.h"

#define FAULT_CELLS	32
#define FAULT_PROCESSES 256 /* that are counted; in others nothing strikes */

/* A cell's state: live, the low 31 bits of the fault's id, how often it was delivered. */
#define FAULT_LIVE		(1ULL << 63)
#define FAULT_ID(state)		((uint32_t)((state) >> 32 & 0x7fffffffu))
#define FAULT_DELIVERIES(state) ((state)&0xffffffffu)

struct fault_count {
	_Atomic int32_t pid; /* 0: free */
	_Atomic uint32_t calls;
};

struct fault_cell {
	_Atomic uint64_t state;
	struct fault fault;
	uint64_t calls[2]; /* that it may strike, a bit each */
	uint32_t ops;	   /* of epoll_ctl: those it may strike, a bit each */
	struct fault_count counts[FAULT_PROCESSES];
};

/* Bits of calls: of those that are live. */
struct fault_table {
	_Atomic uint64_t calls[2]; /* any may strike it */
	_Atomic uint64_t stops[2]; /* one may that only the watcher can carry out: what it gives depends on
				      all numbers of the process */
	_Atomic uint64_t whose[2]; /* one may that asks whether the fd was accepted */
	_Atomic uint32_t live;	   /* cells that are, a bit each: the others need not be looked at */
	struct fault_cell cells[FAULT_CELLS];
};

/* What strikes, and where it is kept. */
struct fault_hit {
	struct fault_cell *cell;
	struct fault fault;
};

static inline bool fault_has_call(const _Atomic uint64_t calls[2], enum call call)
{
	return atomic_load_explicit(&calls[call / 64], memory_order_acquire) >> call % 64 & 1;
}

/* The how-many-eth such call of its process this is; 0: there is no room to count. */
static inline uint32_t fault_count_call(struct fault_cell *cell, int32_t pid)
{
	for (uint32_t i = 0; i < FAULT_PROCESSES; i++) {
		struct fault_count *count = &cell->counts[((uint32_t)pid + i) % FAULT_PROCESSES];
		int32_t owner = 0;

		if (atomic_compare_exchange_strong(&count->pid, &owner, pid) || owner == pid)
			return atomic_fetch_add(&count->calls, 1) + 1;
	}
	return 0;
}

static inline bool fault_matches(const struct fault_cell *cell, const struct fault_call *call)
{
	const struct fault *fault = &cell->fault;

	if (!(cell->calls[call->call / 64] >> call->call % 64 & 1))
		return false;
	if ((fault->accepted_only && !call->accepted) || (fault->peer && fault->peer != call->peer))
		return false;
	if (fault->fd >= 0 && fault->fd != call->fd)
		return false;
	return call->call != CALL_epoll_ctl || (call->op < 32 && cell->ops >> call->op & 1);
}

/* Counts the call, if it matches, and says whether the fault is to strike it. */
static inline bool fault_cell_hit(struct fault_cell *cell, const struct fault_call *call, uint64_t *ret_state)
{
	uint64_t state = atomic_load_explicit(&cell->state, memory_order_acquire);

	*ret_state = state;
	return (state & FAULT_LIVE) && fault_matches(cell, call) &&
	       fault_window_hit(&cell->fault, fault_count_call(cell, call->pid));
}

/* Marks it delivered; false: it was lifted meanwhile. */
static inline bool fault_cell_strike(struct fault_cell *cell, uint64_t state)
{
	uint32_t id = FAULT_ID(state);

	while (!atomic_compare_exchange_weak(&cell->state, &state, state + 1))
		if (!(state & FAULT_LIVE) || FAULT_ID(state) != id)
			return false;
	return true;
}

/* Every fault that matches counts the call; the one armed first strikes. */
static inline bool fault_table_decide(struct fault_table *table, const struct fault_call *call,
				      struct fault_hit *ret_hit)
{
	uint64_t strikes = 0;

	for (uint32_t live = atomic_load_explicit(&table->live, memory_order_acquire); live;
	     live &= live - 1) {
		struct fault_cell *cell = &table->cells[__builtin_ctz(live)];
		uint64_t state;

		if (!fault_cell_hit(cell, call, &state) || (strikes && FAULT_ID(state) > FAULT_ID(strikes)))
			continue;
		strikes = state;
		ret_hit->cell = cell;
		ret_hit->fault = cell->fault;
	}
	return strikes && fault_cell_strike(ret_hit->cell, strikes);
}

/* What was decided could not be carried out: it does not count as delivered. */
static inline void fault_cell_retract(struct fault_cell *cell, uint32_t id)
{
	uint64_t state = atomic_load(&cell->state);

	while (FAULT_ID(state) == id && FAULT_DELIVERIES(state) &&
	       !atomic_compare_exchange_weak(&cell->state, &state, state - 1))
		;
}

#endif
