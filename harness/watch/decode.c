/* SPDX-License-Identifier: MIT */
#include "watch/decode.h"

#include <string.h>
#include "watch/memory.h"
#include "watch/sight.h"

/* The bytes from that address on, as many as were copied; NULL: none. */
static const char *find(const struct seen *seen, uint64_t from, size_t *ret_size)
{
	for (size_t at = 0; at + sizeof(struct sight_piece) <= seen->size;) {
		const struct sight_piece *piece = (const struct sight_piece *)(seen->pieces + at);
		size_t whole = sizeof *piece + ((piece->size + 7u) & ~(size_t)7), offset;

		if (piece->size > seen->size - at - sizeof *piece)
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

const void *decode_told(const struct decoding *decoding, uint64_t name, size_t *ret_size)
{
	return decoding->seen ? find(decoding->seen, name, ret_size) : NULL;
}

size_t decode_read(const struct decoding *decoding, const struct piece *pieces, size_t count)
{
	size_t total = 0;

	if (!decoding->seen)
		return memory_read(decoding->tid, pieces, count);
	for (size_t i = 0; i < count; i++) {
		size_t size = 0;
		const char *bytes = find(decoding->seen, pieces[i].from, &size);

		if (!bytes)
			size = memory_read(decoding->tid, &pieces[i], 1);
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

bool decode_get(const struct decoding *decoding, uint64_t from, void *to, size_t size)
{
	return !size || decode_read(decoding, &(struct piece){from, to, size}, 1) == size;
}

void decode_unreadable(struct decoding *decoding)
{
	decoding->event->flags |= EVF_UNREADABLE;
}

void decode_data(struct decoding *decoding, size_t size)
{
	decoding->event->data = decoding->scratch->data;
	decoding->event->size = (uint32_t)size;
}
