/* SPDX-License-Identifier: MIT */
/* The journal's bytes: what a file header and a record look like. Only journal/ includes this. */
#ifndef WRINGER_JOURNAL_RECORD_H
#define WRINGER_JOURNAL_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "journal/event.h"

#define JOURNAL_MAGIC "WRINGERJ"
#define JOURNAL_VERSION 1u
#define JOURNAL_ORDER 0x01020304u

struct file_head {
	char magic[8];
	uint32_t version, order;
	uint64_t start; /* CLOCK_REALTIME, ns */
	uint64_t reserved;
};

struct record {
	uint32_t size; /* bytes behind sum, without padding */
	uint32_t sum;
	uint64_t at;
	uint16_t kind, flags;
	uint32_t what;
	int32_t pid, tid, fd, peer;
	int64_t ret;
	uint64_t arg[4];
	uint32_t data_size, reserved;
};

#define RECORD_PREFIX offsetof(struct record, at)
#define RECORD_FIXED (sizeof(struct record) - RECORD_PREFIX)

/* Appends one record, data cut at EVENT_DATA_MAX. 0 or -ENOMEM. */
int record_encode(struct buf *out, const struct event *event);

/*
 * The record at the start of size bytes. Returns the bytes it takes (padding included), 0 when more are needed, -EBADMSG when
 * it is none, with *ret_why in words. ret_event->data points into data.
 */
int64_t record_decode(const void *data, size_t size, struct event *ret_event, const char **ret_why);

#endif
