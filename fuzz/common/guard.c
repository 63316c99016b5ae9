/* SPDX-License-Identifier: MIT */
#include "fuzz/common/guard.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz/common/target.h"

void guard_open(struct guard *guard, size_t most)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (most + page) / page * page;
	char *base = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fuzz_claim(base != MAP_FAILED);
	fuzz_claim(mprotect(base + room, page, PROT_NONE) == 0);
	*guard = (struct guard){base, base + room, room + page};
}

char *guard_put(struct guard *guard, const void *data, size_t size)
{
	char *at = guard->end - size;

	fuzz_claim(size <= (size_t)(guard->end - guard->base));
	if (size)
		memcpy(at, data, size);
	return at;
}

char *guard_text(struct guard *guard, const void *data, size_t size)
{
	guard->end[-1] = '\0';
	guard->end--;
	char *at = guard_put(guard, data, size);
	guard->end++;
	return at;
}

void guard_close(struct guard *guard)
{
	(void)munmap(guard->base, guard->mapped);
	*guard = (struct guard){0};
}
