/* SPDX-License-Identifier: MIT */
/* Reading a stopped tracee's memory: several pieces in one system call. */
#ifndef WRINGER_WATCH_MEMORY_H
#define WRINGER_WATCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MEMORY_PIECES 4

struct piece {
	uint64_t from;
	void *to;
	size_t size;
};

/* Bytes read, pieces in order, up to the first that is unreadable (the readable part of that one included).
 */
size_t memory_read(pid_t tid, const struct piece *pieces, size_t count);
/* One piece, whole or not at all. */
bool memory_get(pid_t tid, uint64_t from, void *to, size_t size);

#endif
