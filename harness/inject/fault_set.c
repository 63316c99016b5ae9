/* SPDX-License-Identifier: MIT */
/*
 * The faults armed now. The scripting thread arms and lifts under one lock; who decides takes none, for the
 * table may be decided by in the target too (fault_table.h). A lifted fault keeps its id: its count can still
 * be asked.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/buf.h"
#include "inject/fault_table.h"

struct armed {
	struct fault fault;
	struct fault_cell *cell; /* NULL: lifted */
	uint64_t delivered;	 /* once lifted */
};

struct fault_set {
	pthread_mutex_t lock;
	atomic_uint live;
	struct armed *items; /* item i has id i + 1 */
	size_t count, capacity;
	struct fault_table *table, *own;
	size_t next; /* cell to look at first: the one left longest ago, which nobody is still deciding by */
};

struct fault_set *fault_set_new(void)
{
	struct fault_set *set = calloc(1, sizeof *set);

	if (!set)
		return NULL;
	set->own = set->table = calloc(1, sizeof *set->own);
	if (!set->own || pthread_mutex_init(&set->lock, NULL)) {
		free(set->own);
		free(set);
		return NULL;
	}
	return set;
}

void fault_set_free(struct fault_set *set)
{
	if (!set)
		return;
	free(set->items);
	free(set->own);
	pthread_mutex_destroy(&set->lock);
	free(set);
}

static bool needs_number(const struct fault *fault)
{
	return fault->code == EMFILE || fault->code == ENFILE;
}

/* The lock is held. Set before arming returns, and never less than what is live. */
static void show(struct fault_set *set)
{
	uint32_t live = 0;

	for (size_t i = 0; i < set->count; i++)
		live |= set->items[i].cell ? 1u << (set->items[i].cell - set->table->cells) : 0;
	atomic_store(&set->table->live, live);
	for (int word = 0; word < 2; word++) {
		uint64_t calls = 0, stops = 0, whose = 0;

		for (size_t i = 0; i < set->count; i++) {
			const struct armed *armed = &set->items[i];
			uint64_t own = armed->cell ? armed->cell->calls[word] : 0;

			calls |= own;
			stops |= needs_number(&armed->fault) ? own : 0;
			whose |= armed->fault.accepted_only || armed->fault.peer ? own : 0;
		}
		atomic_store(&set->table->calls[word], calls);
		atomic_store(&set->table->stops[word], stops);
		atomic_store(&set->table->whose[word], whose);
	}
}

void fault_set_clear(struct fault_set *set)
{
	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].cell)
			atomic_store(&set->items[i].cell->state, 0);
	set->count = set->next = 0;
	atomic_store(&set->live, 0);
	show(set);
	pthread_mutex_unlock(&set->lock);
}

void fault_set_share(struct fault_set *set, struct fault_table *table)
{
	pthread_mutex_lock(&set->lock);
	if (!table)
		table = set->own;
	if (table != set->table) {
		memcpy(table, set->table, sizeof *table);
		for (size_t i = 0; i < set->count; i++)
			if (set->items[i].cell)
				set->items[i].cell = table->cells + (set->items[i].cell - set->table->cells);
		set->table = table;
	}
	pthread_mutex_unlock(&set->lock);
}

static bool sound(const struct fault *fault)
{
	if (fault->code < 0 || (fault->code > 0) + (fault->shorten > 0) + (fault->delay > 0) != 1)
		return false;
	if (fault->last && fault->last < fault->first)
		return false;
	return fault_possible(fault);
}

/* Asked of the catalogue once: what is armed is held against every call. */
static void find_calls(struct fault_cell *cell)
{
	cell->calls[0] = cell->calls[1] = 0;
	cell->ops = 0;
	for (unsigned call = 0; call < CALL_COUNT; call++)
		if (fault_fits(&cell->fault, (enum call)call))
			cell->calls[call / 64] |= 1ULL << call % 64;
	for (unsigned op = EPOLL_CTL_ADD; op <= EPOLL_CTL_MOD; op++)
		if (fault_fits_op(&cell->fault, CALL_epoll_ctl, op))
			cell->ops |= 1u << op;
}

/* The lock is held. NULL: none is free. */
static struct fault_cell *free_cell(struct fault_set *set)
{
	for (size_t i = 0; i < FAULT_CELLS; i++) {
		size_t at = (set->next + i) % FAULT_CELLS;

		if (!(atomic_load(&set->table->cells[at].state) & FAULT_LIVE)) {
			set->next = at + 1;
			return &set->table->cells[at];
		}
	}
	return NULL;
}

static void fill_cell(struct fault_cell *cell, const struct fault *fault)
{
	cell->fault = *fault;
	find_calls(cell);
	for (size_t i = 0; i < FAULT_PROCESSES; i++) {
		atomic_store_explicit(&cell->counts[i].pid, 0, memory_order_relaxed);
		atomic_store_explicit(&cell->counts[i].calls, 0, memory_order_relaxed);
	}
	atomic_store_explicit(&cell->state, FAULT_LIVE | (uint64_t)fault->id << 32, memory_order_release);
}

/* The lock is held, and there is room for one more. */
static int arm(struct fault_set *set, const struct fault *fault, uint32_t *ret_id)
{
	struct fault_cell *cell = free_cell(set);
	struct armed *armed = &set->items[set->count];

	if (!cell)
		return -ENOSPC;
	*armed = (struct armed){.fault = *fault, .cell = cell};
	armed->fault.id = (uint32_t)++set->count;
	fill_cell(cell, &armed->fault);
	atomic_fetch_add_explicit(&set->live, 1, memory_order_relaxed);
	show(set);
	*ret_id = armed->fault.id;
	return 0;
}

int fault_set_arm(struct fault_set *set, const struct fault *fault, uint32_t *ret_id)
{
	struct armed *items;
	int ret = -ENOMEM;

	if (!sound(fault))
		return -EINVAL;
	pthread_mutex_lock(&set->lock);
	items = array_grow(set->items, set->count, &set->capacity, sizeof *items);
	if (items) {
		set->items = items;
		ret = arm(set, fault, ret_id);
	}
	pthread_mutex_unlock(&set->lock);
	return ret;
}

/* The lock is held. */
static struct armed *find(const struct fault_set *set, uint32_t id)
{
	return id > 0 && id <= set->count ? &set->items[id - 1] : NULL;
}

int fault_set_lift(struct fault_set *set, uint32_t id, uint64_t *ret_delivered)
{
	struct armed *armed;
	int ret = -ENOENT;

	pthread_mutex_lock(&set->lock);
	armed = find(set, id);
	if (armed && armed->cell) {
		armed->delivered = FAULT_DELIVERIES(atomic_fetch_and(&armed->cell->state, ~FAULT_LIVE));
		armed->cell = NULL;
		show(set);
		atomic_fetch_sub_explicit(&set->live, 1, memory_order_relaxed);
		if (ret_delivered)
			*ret_delivered = armed->delivered;
		ret = 0;
	}
	pthread_mutex_unlock(&set->lock);
	return ret;
}

uint64_t fault_set_delivered(const struct fault_set *set, uint32_t id)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&set->lock;
	const struct armed *armed;
	uint64_t delivered = 0;

	pthread_mutex_lock(lock);
	armed = find(set, id);
	if (armed)
		delivered =
		    armed->cell ? FAULT_DELIVERIES(atomic_load(&armed->cell->state)) : armed->delivered;
	pthread_mutex_unlock(lock);
	return delivered;
}

bool fault_set_find(const struct fault_set *set, uint32_t id, struct fault *ret_fault)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&set->lock;
	const struct armed *armed;

	pthread_mutex_lock(lock);
	armed = find(set, id);
	if (armed)
		*ret_fault = armed->fault;
	pthread_mutex_unlock(lock);
	return armed != NULL;
}

bool fault_set_armed(const struct fault_set *set)
{
	return atomic_load_explicit(&set->live, memory_order_relaxed) > 0;
}

bool fault_set_decide(struct fault_set *set, const struct fault_call *call, struct fault *ret_fault)
{
	struct fault_hit hit;

	if (!fault_has_call(set->table->calls, call->call) || !fault_table_decide(set->table, call, &hit))
		return false;
	*ret_fault = hit.fault;
	return true;
}

void fault_set_retract(struct fault_set *set, uint32_t id)
{
	struct armed *armed;

	pthread_mutex_lock(&set->lock);
	armed = find(set, id);
	if (armed && armed->cell)
		fault_cell_retract(armed->cell, id);
	else if (armed && armed->delivered > 0)
		armed->delivered--;
	pthread_mutex_unlock(&set->lock);
}
