/* SPDX-License-Identifier: MIT */
#include "watch/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* Word by word: the way that stays open to a tracer when the target made itself undumpable. */
static size_t peek(pid_t tid, const struct piece *piece)
{
	size_t got = 0;

	while (got < piece->size) {
		uint64_t at = piece->from + got, base = at & ~(uint64_t)(sizeof(long) - 1);
		size_t skip = (size_t)(at - base), part = sizeof(long) - skip;
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)base, NULL);
		if (errno)
			break;
		if (part > piece->size - got)
			part = piece->size - got;
		memcpy((char *)piece->to + got, (const char *)&word + skip, part);
		got += part;
	}
	return got;
}

static size_t peek_all(pid_t tid, const struct piece *pieces, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		size_t got = peek(tid, &pieces[i]);

		total += got;
		if (got < pieces[i].size)
			break;
	}
	return total;
}

size_t memory_read(pid_t tid, const struct piece *pieces, size_t count)
{
	struct iovec here[MEMORY_PIECES], there[MEMORY_PIECES];
	ssize_t got;

	for (size_t i = 0; i < count; i++) {
		here[i] = (struct iovec){.iov_base = pieces[i].to, .iov_len = pieces[i].size};
		there[i] =
		    (struct iovec){.iov_base = (void *)(uintptr_t)pieces[i].from, .iov_len = pieces[i].size};
	}
	got = process_vm_readv(tid, here, count, there, count, 0);
	if (got < 0 && (errno == EPERM || errno == ENOSYS))
		return peek_all(tid, pieces, count);
	return got < 0 ? 0 : (size_t)got;
}

bool memory_get(pid_t tid, uint64_t from, void *to, size_t size)
{
	return memory_read(tid, &(struct piece){from, to, size}, 1) == size;
}
