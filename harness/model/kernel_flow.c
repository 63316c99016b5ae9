/* SPDX-License-Identifier: MIT */
/* Bytes on their way, and the messages they came in. */
#include "model/kernel_impl.h"

#include <stdlib.h>
#include <string.h>

void flow_copy_at(const struct flow *flow, void *ret_bytes, size_t at, size_t size)
{
	if (ret_bytes && size)
		memcpy(ret_bytes, flow->data + flow->start + at, size);
}

void flow_copy(const struct flow *flow, void *ret_bytes, size_t size)
{
	flow_copy_at(flow, ret_bytes, 0, size);
}

/* Room behind what is there: first by moving it to the front. */
static int make_room(struct flow *flow, size_t size)
{
	size_t wanted = flow->allocated ? flow->allocated : 256;
	unsigned char *data = flow->data;

	if (flow->start && flow->start + flow->size + size > flow->allocated) {
		memmove(flow->data, flow->data + flow->start, flow->size);
		flow->start = 0;
	}
	while (wanted < flow->start + flow->size + size)
		wanted *= 2;
	if (wanted != flow->allocated)
		data = realloc(flow->data, wanted);
	if (!data)
		return -ENOMEM;
	flow->data = data;
	flow->allocated = wanted;
	return 0;
}

int flow_put(struct flow *flow, const void *bytes, size_t size)
{
	int r = make_room(flow, size);

	if (r < 0 || !size)
		return r;
	if (bytes)
		memcpy(flow->data + flow->start + flow->size, bytes, size);
	else
		memset(flow->data + flow->start + flow->size, 0, size);
	flow->size += size;
	return 0;
}

void flow_drop(struct flow *flow, size_t size)
{
	flow->start += size;
	flow->size -= size;
	if (!flow->size)
		flow->start = 0;
}

void flow_clear(struct flow *flow)
{
	flow->start = flow->size = flow->read = 0;
	flow->first = flow->count = 0;
}
