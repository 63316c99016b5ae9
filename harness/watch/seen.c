/* SPDX-License-Identifier: MIT */
#include "watch/seen.h"

#include <string.h>
#include "watch/memory.h"
#include "watch/sight.h"

const void *seen_find(const struct seen *seen, uint64_t from, size_t *ret_size)
{
	size_t end = seen ? seen->size : 0;

	for (size_t at = 0; at + sizeof(struct sight_piece) <= end;) {
		const struct sight_piece *piece = (const struct sight_piece *)(seen->pieces + at);
		size_t whole = sizeof *piece + ((piece->size + 7u) & ~(size_t)7), offset;

		if (piece->size > end - at - sizeof *piece)
			return NULL;
		offset = from - piece->from;
		if (from >= piece->from && offset < piece->size) {
			*ret_size = piece->size - offset;
			return (const char *)(piece + 1) + offset;
		}
		at += whole;
	}
	return NULL;
}

size_t seen_read(const struct seen *seen, pid_t tid, const struct piece *pieces, size_t count)
{
	size_t total = 0;

	if (!seen)
		return memory_read(tid, pieces, count);
	for (size_t i = 0; i < count; i++) {
		size_t size = 0;
		const void *bytes = seen_find(seen, pieces[i].from, &size);

		if (!bytes)
			size = memory_read(tid, &pieces[i], 1);
		if (size > pieces[i].size)
			size = pieces[i].size;
		if (bytes)
			memcpy(pieces[i].to, bytes, size);
		total += size;
		if (size < pieces[i].size)
			break;
	}
	return total;
}

bool seen_get(const struct seen *seen, pid_t tid, uint64_t from, void *to, size_t size)
{
	return !size || seen_read(seen, tid, &(struct piece){from, to, size}, 1) == size;
}
