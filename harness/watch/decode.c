/* SPDX-License-Identifier: MIT */
#include "watch/decode.h"

void decode_unreadable(struct decoding *decoding)
{
	decoding->event->flags |= EVF_UNREADABLE;
}

void decode_data(struct decoding *decoding, size_t size)
{
	decoding->event->data = decoding->scratch->data;
	decoding->event->size = (uint32_t)size;
}
