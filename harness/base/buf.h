/* SPDX-License-Identifier: MIT */
/* A growing byte buffer. Zero-initialised is empty; after a failed append it is as it was. */
#ifndef WRINGER_BASE_BUF_H
#define WRINGER_BASE_BUF_H

#include <stddef.h>

struct buf {
	char *data; /* size bytes, and a NUL behind them once anything was appended */
	size_t size, capacity;
};

/* All return 0 or -ENOMEM. */
int buf_reserve(struct buf *buf, size_t more);
int buf_append(struct buf *buf, const void *data, size_t size);
int buf_puts(struct buf *buf, const char *text);
int buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_consume(struct buf *buf, size_t n);
void buf_clear(struct buf *buf);
void buf_free(struct buf *buf);

/*
 * Makes room for one more element behind an array of count elements of the given size (doubling *capacity).
 * Returns the array, perhaps moved, or NULL with the old one untouched.
 */
void *array_grow(void *items, size_t count, size_t *capacity, size_t size);

#endif
