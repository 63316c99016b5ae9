/* SPDX-License-Identifier: MIT */
/*
 * A target that made itself undumpable (prctl, or a change of uid) is read only by a tracer with
 * CAP_SYS_PTRACE over it; without, every read fails, by PTRACE_PEEKDATA as well.
 */
#include "watch/memory.h"

#include <sys/uio.h>

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
	return got < 0 ? 0 : (size_t)got;
}

bool memory_get(pid_t tid, uint64_t from, void *to, size_t size)
{
	return memory_read(tid, &(struct piece){from, to, size}, 1) == size;
}
