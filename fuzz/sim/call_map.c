/* SPDX-License-Identifier: MIT */
/* Mappings: memory, and copies of files; what is written to those is lost. */
#include "fuzz/sim/sim_impl.h"

#include <sys/mman.h>
#include "fuzz/sim/wrap.h"

void *__wrap_mmap(void *wanted, size_t size, int protection, int flags, int fd, off_t offset)
{
	struct sim *sim = sim_of_call();
	const struct sim_file *file = flags & MAP_ANONYMOUS ? NULL : sim_file(sim, fd);
	int code = flags & MAP_ANONYMOUS		   ? 0
		   : !file				   ? EBADF
		   : file->kind != SIM_STDIO || offset < 0 ? ENODEV
							   : 0;

	/* At a place of its choice it could take the fuzzer's. */
	if (code || flags & MAP_FIXED) {
		errno = code ? code : EINVAL;
		return MAP_FAILED;
	}
	char *made = mmap(wanted, size, file ? PROT_READ | PROT_WRITE : protection,
			  MAP_PRIVATE | MAP_ANONYMOUS | (flags & MAP_NORESERVE), -1, 0);
	if (made == MAP_FAILED)
		return made;
	if (map_put(&sim->mappings, (uintptr_t)made, (void *)size) < 0) {
		(void)munmap(made, size);
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (file) {
		(void)sim_content_read(file, (uint64_t)offset, made, size);
		(void)mprotect(made, size, protection);
	}
	sim->allocated += size;
	return made;
}

/* A part of a mapping stays until the run ends. */
int __wrap_munmap(void *start, size_t size)
{
	struct sim *sim = sim_of_call();

	if ((size_t)map_get(&sim->mappings, (uintptr_t)start) != size)
		return madvise(start, size, MADV_DONTNEED);
	(void)map_remove(&sim->mappings, (uintptr_t)start);
	sim->allocated -= size;
	return munmap(start, size);
}

void sim_drop_mappings(struct sim *sim)
{
	uint64_t start;
	size_t at = 0;

	for (void *size; (size = map_next(&sim->mappings, &at, &start));)
		(void)munmap((void *)(uintptr_t)start, (size_t)size);
	map_free(&sim->mappings);
}
