/* SPDX-License-Identifier: MIT */
/*
 * The faults armed now. The scripting thread arms and lifts, the watching thread decides; one lock, and an
 * atomic count so that a call costs nothing while no fault is armed. A lifted fault keeps its place: its
 * count can still be asked.
 */
#include "inject/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/map.h"

struct armed {
	struct fault fault;
	uint64_t calls[2]; /* those that it fits, a bit each */
	bool live;
	uint64_t delivered;
	struct map counts; /* pid -> matching calls so far, the number itself in place of a pointer */
};

struct fault_set {
	pthread_mutex_t lock;
	atomic_uint live;
	struct armed *items; /* item i has id i + 1 */
	size_t count, capacity;
	_Atomic uint64_t *mirror; /* two words, NULL: nobody wants to know */
};

struct fault_set *fault_set_new(void)
{
	struct fault_set *set = calloc(1, sizeof *set);

	if (!set)
		return NULL;
	if (pthread_mutex_init(&set->lock, NULL)) {
		free(set);
		return NULL;
	}
	return set;
}

void fault_set_free(struct fault_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		map_free(&set->items[i].counts);
	free(set->items);
	pthread_mutex_destroy(&set->lock);
	free(set);
}

/* The lock is held. */
static void show(struct fault_set *set)
{
	uint64_t calls[2] = {0};

	if (!set->mirror)
		return;
	for (size_t i = 0; i < set->count; i++)
		for (int word = 0; set->items[i].live && word < 2; word++)
			calls[word] |= set->items[i].calls[word];
	for (int i = 0; i < 2; i++)
		atomic_store(&set->mirror[i], calls[i]);
}

void fault_set_mirror(struct fault_set *set, _Atomic uint64_t *calls)
{
	pthread_mutex_lock(&set->lock);
	set->mirror = calls;
	show(set);
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
static void find_calls(struct armed *armed)
{
	for (unsigned call = 0; call < CALL_COUNT; call++)
		if (fault_fits(&armed->fault, (enum call)call))
			armed->calls[call / 64] |= 1ULL << call % 64;
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
		uint32_t id = (uint32_t)set->count + 1;

		set->items = items;
		items[set->count] = (struct armed){.fault = *fault, .live = true};
		find_calls(&items[set->count]);
		items[set->count++].fault.id = id;
		atomic_fetch_add_explicit(&set->live, 1, memory_order_relaxed);
		show(set);
		*ret_id = id;
		ret = 0;
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
	if (armed && armed->live) {
		armed->live = false;
		map_free(&armed->counts);
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
	uint64_t delivered;

	pthread_mutex_lock(lock);
	armed = find(set, id);
	delivered = armed ? armed->delivered : 0;
	pthread_mutex_unlock(lock);
	return delivered;
}

bool fault_set_armed(const struct fault_set *set)
{
	return atomic_load_explicit(&set->live, memory_order_relaxed) > 0;
}

static bool matches(const struct armed *armed, const struct fault_call *call)
{
	const struct fault *fault = &armed->fault;

	if (!armed->live || !(armed->calls[call->call / 64] >> call->call % 64 & 1))
		return false;
	if ((fault->accepted_only && !call->accepted) || (fault->peer && fault->peer != call->peer))
		return false;
	return (fault->fd < 0 || fault->fd == call->fd) && fault_fits_op(fault, call->call, call->op);
}

/* Counts one matching call; 0 when memory ran out, so that nothing strikes. */
static uint64_t count_call(struct armed *armed, int32_t pid)
{
	uintptr_t count = (uintptr_t)map_get(&armed->counts, (uint64_t)(uint32_t)pid) + 1;

	if (map_put(&armed->counts, (uint64_t)(uint32_t)pid, (void *)count) < 0)
		return 0;
	return count;
}

bool fault_set_decide(struct fault_set *set, const struct fault_call *call, struct fault *ret_fault)
{
	struct armed *strikes = NULL;

	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < set->count; i++) {
		struct armed *armed = &set->items[i];

		/* Every fault that matches counts the call; the one armed first strikes. */
		if (matches(armed, call) && fault_window_hit(&armed->fault, count_call(armed, call->pid)) &&
		    !strikes)
			strikes = armed;
	}
	if (strikes) {
		strikes->delivered++;
		*ret_fault = strikes->fault;
	}
	pthread_mutex_unlock(&set->lock);
	return strikes != NULL;
}

void fault_set_retract(struct fault_set *set, uint32_t id)
{
	struct armed *armed;

	pthread_mutex_lock(&set->lock);
	armed = find(set, id);
	if (armed && armed->delivered > 0)
		armed->delivered--;
	pthread_mutex_unlock(&set->lock);
}
