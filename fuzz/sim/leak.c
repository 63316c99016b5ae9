/* SPDX-License-Identifier: MIT */
/*
 * What the server allocated, did not free, and cannot find any more. A block can be found whose address, or
 * one within it, stands in the server's variables, on its stack, in its mappings, in what it registered with
 * an epoll set, or in a block that can be found. LeakSanitizer does not know the epoll sets, and sees nothing
 * here: what a run leaves behind is freed.
 */
#include "fuzz/sim/sim_impl.h"

#include <stdlib.h>

struct block {
	uintptr_t start;
	size_t size;
	bool found;
};

struct search {
	struct block *blocks; /* by address */
	size_t count;
	uintptr_t low, high;	    /* within these they all are */
	size_t *found, found_count; /* those whose content is still to be looked at */
};

static int by_address(const void *one, const void *other)
{
	uintptr_t a = ((const struct block *)one)->start, b = ((const struct block *)other)->start;

	return a < b ? -1 : a > b;
}

/* The last block that begins at the address or before. */
static struct block *block_of(const struct search *search, uintptr_t address)
{
	size_t low = 0, high = search->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (search->blocks[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	struct block *block = low ? &search->blocks[low - 1] : NULL;
	return block && address - block->start <= block->size ? block : NULL;
}

static void look_at(struct search *search, uintptr_t address)
{
	struct block *block =
	    address < search->low || address > search->high ? NULL : block_of(search, address);

	if (!block || block->found)
		return;
	block->found = true;
	search->found[search->found_count++] = (size_t)(block - search->blocks);
}

/* Whatever stands there: red zones, and what was never written. Four at a time, as next to nothing is an
 * address. */
__attribute__((no_sanitize("address"))) static void look_through(struct search *search, uintptr_t from,
								 uintptr_t to)
{
	const uintptr_t low = search->low, span = search->high - low;
	const uintptr_t *at = (const uintptr_t *)((from + 7) & ~(uintptr_t)7), *end = (const uintptr_t *)to;

	if (from >= to) /* a server without __thread variables has no copy of them */
		return;
	for (; at + 4 <= end; at += 4)
		if ((at[0] - low <= span) | (at[1] - low <= span) | (at[2] - low <= span) |
		    (at[3] - low <= span))
			for (unsigned i = 0; i < 4; i++)
				look_at(search, at[i]);
	for (; at + 1 <= end; at++)
		look_at(search, *at);
}

static void look_at_roots(struct search *search, const struct sim *sim, uintptr_t stack)
{
	uint64_t start;
	size_t at = 0;

	look_through(search, (uintptr_t)__start_sim_data, (uintptr_t)__stop_sim_data);
	look_through(search, (uintptr_t)__start_sim_bss, (uintptr_t)__stop_sim_bss);
	look_through(search, (uintptr_t)sim->thread, (uintptr_t)sim->thread + sim->tls_size);
	look_through(search, stack, sim->stack);
	for (void *size; (size = map_next(&sim->mappings, &at, &start));)
		look_through(search, start, start + (uintptr_t)size);
	int top = kernel_top(sim->kernel, SIM_SERVER);
	for (int fd = 0; fd < top; fd++)
		if (kernel_is_open(sim->kernel, SIM_SERVER, fd))
			look_at(search, (uintptr_t)sim->registered[fd].data);
}

static bool begin_search(struct search *search, const struct sim *sim)
{
	uint64_t start;
	size_t at = 0;

	search->blocks = calloc(sim->blocks.live + 1, sizeof *search->blocks);
	search->found = calloc(sim->blocks.live + 1, sizeof *search->found);
	if (!search->blocks || !search->found)
		return false;
	for (void *size; (size = map_next(&sim->blocks, &at, &start));)
		search->blocks[search->count++] = (struct block){.start = start, .size = (size_t)size - 1};
	qsort(search->blocks, search->count, sizeof *search->blocks, by_address);
	search->low = search->blocks[0].start;
	search->high = search->blocks[search->count - 1].start + search->blocks[search->count - 1].size;
	return true;
}

struct sim_lost sim_find_lost(struct sim *sim)
{
	struct search search = {0};
	struct sim_lost lost = {0};
	uintptr_t here;

	__builtin_unwind_init(); /* what registers hold stands on the stack, too */
	if (sim->blocks.live && begin_search(&search, sim)) {
		look_at_roots(&search, sim, (uintptr_t)&here);
		while (search.found_count) {
			const struct block *block = &search.blocks[search.found[--search.found_count]];
			look_through(&search, block->start, block->start + block->size);
		}
		for (size_t i = 0; i < search.count; i++) {
			if (search.blocks[i].found)
				continue;
			lost.bytes += search.blocks[i].size;
			lost.blocks++;
			lost.block = (void *)search.blocks[i].start;
		}
	}
	free(search.blocks);
	free(search.found);
	return lost;
}

extern void __asan_describe_address(void *address) __attribute__((weak));

void sim_describe(const struct sim_lost *lost)
{
	if (__asan_describe_address && lost->block)
		__asan_describe_address(lost->block);
}
