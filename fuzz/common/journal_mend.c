/* SPDX-License-Identifier: MIT */
#include "fuzz/common/journal_mend.h"

#include <string.h>
#include "base/buf.h"
#include "journal/record.h"

/* Whatever the bytes at `at` are, they become a record. Returns how many of them were used. */
static size_t mend_record(struct buf *out, const uint8_t *at, size_t left)
{
	struct record record = {0};

	memcpy(&record, at, left < sizeof record ? left : sizeof record);
	size_t behind = left > sizeof record ? left - sizeof record : 0;
	size_t data_size = record.data_size < behind ? record.data_size : behind;
	struct event event = {
	    .at = record.at,
	    .kind = (uint16_t)(record.kind < EV_KINDS && record.kind ? record.kind
								     : 1 + record.kind % (EV_KINDS - 1)),
	    .flags = record.flags,
	    .what = record.what,
	    .pid = record.pid,
	    .tid = record.tid,
	    .fd = record.fd,
	    .peer = record.peer,
	    .ret = record.ret,
	    .size = (uint32_t)(data_size < EVENT_DATA_MAX ? data_size : EVENT_DATA_MAX),
	    .data = at + sizeof record,
	};
	memcpy(event.arg, record.arg, sizeof event.arg);
	(void)record_encode(out, &event);
	return sizeof record + ((event.size + 7) & ~7u);
}

size_t journal_mend(uint8_t *data, size_t size, size_t room)
{
	struct file_head head = {.magic = JOURNAL_MAGIC, .version = JOURNAL_VERSION, .order = JOURNAL_ORDER};
	struct buf out = {0};
	size_t at = sizeof head;

	(void)buf_append(&out, &head, sizeof head);
	while (at < size && out.size < room) {
		size_t used = mend_record(&out, data + at, size - at);
		at += used;
	}
	size = out.size < room ? out.size : room;
	if (size)
		memcpy(data, out.data, size);
	buf_free(&out);
	return size;
}
