/* SPDX-License-Identifier: MIT */
/* A bounded queue of bytes: what is put in at the tail comes out at the head. Never grows, never allocates.
 */
#ifndef TARGETS_FIFO_H
#define TARGETS_FIFO_H

#include <stddef.h>

#define FIFO_SIZE ((size_t)16384)

struct fifo {
	size_t head, tail; /* data[head..tail) waits */
	char data[FIFO_SIZE];
};

static inline void fifo_clear(struct fifo *fifo)
{
	fifo->head = fifo->tail = 0;
}

static inline size_t fifo_used(const struct fifo *fifo)
{
	return fifo->tail - fifo->head;
}

static inline size_t fifo_free(const struct fifo *fifo)
{
	return FIFO_SIZE - fifo_used(fifo);
}

static inline const char *fifo_bytes(const struct fifo *fifo)
{
	return fifo->data + fifo->head;
}

/* Where to write next: all of fifo_free() bytes in one piece. Call fifo_added with what was written. */
char *fifo_space(struct fifo *fifo);
void fifo_added(struct fifo *fifo, size_t size);
/* Drops size bytes from the head; they must be there. */
void fifo_take(struct fifo *fifo, size_t size);
/* Appends a copy; size must fit in fifo_free(). */
void fifo_put(struct fifo *fifo, const void *data, size_t size);

#endif
