/* SPDX-License-Identifier: MIT */
#include "watch/decode.h"

#include "watch/memory.h"

const void *decode_told(const struct decoding *decoding, uint64_t name, size_t *ret_size)
{
	return seen_find(decoding->seen, name, ret_size);
}

size_t decode_read(const struct decoding *decoding, const struct piece *pieces, size_t count)
{
	return seen_read(decoding->seen, decoding->tid, pieces, count);
}

bool decode_get(const struct decoding *decoding, uint64_t from, void *to, size_t size)
{
	return seen_get(decoding->seen, decoding->tid, from, to, size);
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
