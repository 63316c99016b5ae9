/* SPDX-License-Identifier: MIT */
/* Memory of the target as it was when something happened, copied by the kernel (by bpf; sight.h): a row of
 * pieces. */
#ifndef WRINGER_WATCH_SEEN_H
#define WRINGER_WATCH_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct seen {
	const char *pieces;
	size_t size;
	uint64_t late; /* ns that have passed since */
};

struct piece;

/* The bytes from that address on (or the piece of that name: SIGHT_PEER …), as many as were copied; NULL and
 * *ret_size untouched: none. seen NULL: none either. */
const void *seen_find(const struct seen *seen, uint64_t from, size_t *ret_size);
/* As memory_read and memory_get; what was not copied, or with seen NULL all, is read from the thread as it is
 * now. */
size_t seen_read(const struct seen *seen, pid_t tid, const struct piece *pieces, size_t count);
bool seen_get(const struct seen *seen, pid_t tid, uint64_t from, void *to, size_t size);

#endif
