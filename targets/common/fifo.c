/* SPDX-License-Identifier: MIT */
#include "common/fifo.h"

#include <assert.h>
#include <string.h>

char *fifo_space(struct fifo *fifo)
{
	if (fifo->head > 0) {
		memmove(fifo->data, fifo->data + fifo->head, fifo_used(fifo));
		fifo->tail -= fifo->head;
		fifo->head = 0;
	}
	return fifo->data + fifo->tail;
}

void fifo_added(struct fifo *fifo, size_t size)
{
	assert(size <= FIFO_SIZE - fifo->tail);
	fifo->tail += size;
}

void fifo_take(struct fifo *fifo, size_t size)
{
	assert(size <= fifo_used(fifo));
	fifo->head += size;
	if (fifo->head == fifo->tail)
		fifo_clear(fifo);
}

void fifo_put(struct fifo *fifo, const void *data, size_t size)
{
	memcpy(fifo_space(fifo), data, size);
	fifo_added(fifo, size);
}
