/* SPDX-License-Identifier: MIT */
/* An input as a stream of small values, and as a file where only a file will do. */
#ifndef FUZZ_COMMON_FEED_H
#define FUZZ_COMMON_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feed {
	const uint8_t *data;
	size_t left;
};

static inline bool feed_empty(const struct feed *feed)
{
	return feed->left == 0;
}

/* The next byte, 0 behind the end. */
static inline uint8_t feed_byte(struct feed *feed)
{
	if (feed->left == 0)
		return 0;
	feed->left--;
	return *feed->data++;
}

/* Up to most of the next bytes. */
static inline const uint8_t *feed_bytes(struct feed *feed, size_t most, size_t *ret_size)
{
	const uint8_t *at = feed->data;

	*ret_size = most < feed->left ? most : feed->left;
	feed->data += *ret_size;
	feed->left -= *ret_size;
	return at;
}

/* A file that holds data and has no name but FUZZ_FILE; fuzz_file_close takes it away again. */
#define FUZZ_FILE_FD "300"
#define FUZZ_FILE    "/proc/self/fd/" FUZZ_FILE_FD
void fuzz_file_open(const void *data, size_t size);
void fuzz_file_close(void);

#endif
