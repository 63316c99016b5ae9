/* SPDX-License-Identifier: MIT */
/*
 * The server's __thread variables: sim.lds puts them into a section of their own, which the linker makes a
 * part of the program's; this thread's copy lies where that part does in the program's block.
 */
#include <link.h>
#include "fuzz/sim/sim_impl.h"

/* Where the section lies before any thread has a copy. */
extern char __start_sim_tls[] __attribute__((weak)), __stop_sim_tls[] __attribute__((weak));

struct search {
	uintptr_t address;
	char *found;
};

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;

	if (size < sizeof *info)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr;
		if (part->p_type == PT_TLS && info->dlpi_tls_data && search->address >= start &&
		    search->address < start + part->p_memsz)
			search->found = (char *)info->dlpi_tls_data + (search->address - start);
	}
	return search->found != NULL;
}

char *sim_thread_data(size_t *ret_size)
{
	/* Past the compiler, which may take it for granted that a name has an address. */
	uintptr_t start = (uintptr_t)__start_sim_tls, stop = (uintptr_t)__stop_sim_tls;
	struct search search = {.address = start};

	__asm__("" : "+r"(start), "+r"(stop));
	*ret_size = 0;
	if (start && stop > start && dl_iterate_phdr(look_at, &search))
		*ret_size = stop - start;
	return search.found;
}
