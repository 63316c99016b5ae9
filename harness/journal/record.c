/* SPDX-License-Identifier: MIT */
#include "journal/record.h"

#include <errno.h>
#include <string.h>

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Eight bytes at a time: a checksum against torn and foreign files, not against malice. */
static uint32_t checksum(const unsigned char *data, size_t size)
{
	uint64_t sum = 0x9e3779b97f4a7c15ULL ^ size;

	while (size) {
		uint64_t word = 0;
		size_t take = size < 8 ? size : 8;
		memcpy(&word, data, take);
		sum = (sum ^ word) * 0xff51afd7ed558ccdULL;
		sum ^= sum >> 32;
		data += take;
		size -= take;
	}
	return (uint32_t)sum;
}

int record_encode(struct buf *out, const struct event *event)
{
	static const char zeros[8];
	uint32_t data_size = event->size < EVENT_DATA_MAX ? event->size : EVENT_DATA_MAX;
	uint16_t flags = event->flags;
	size_t at = out->size, size = RECORD_FIXED + data_size;

	if (data_size < event->size)
		flags |= EVF_TRUNCATED;
	if (buf_reserve(out, RECORD_PREFIX + padded(size)) < 0)
		return -ENOMEM;
	struct record record = {
	    .size = (uint32_t)size,
	    .at = event->at,
	    .kind = event->kind,
	    .flags = flags,
	    .what = event->what,
	    .pid = event->pid,
	    .tid = event->tid,
	    .fd = event->fd,
	    .peer = event->peer,
	    .ret = event->ret,
	    .data_size = data_size,
	};
	memcpy(record.arg, event->arg, sizeof record.arg);
	/* Room was reserved: none of these can fail. */
	(void)buf_append(out, &record, sizeof record);
	(void)buf_append(out, event->data, data_size);
	(void)buf_append(out, zeros, padded(size) - size);
	uint32_t sum = checksum((unsigned char *)out->data + at + RECORD_PREFIX, size);
	memcpy(out->data + at + offsetof(struct record, sum), &sum, sizeof sum);
	return 0;
}

static int64_t refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

int64_t record_decode(const void *data, size_t size, struct event *ret_event, const char **ret_why)
{
	struct record record;

	if (size < RECORD_PREFIX)
		return 0;
	memcpy(&record, data, RECORD_PREFIX);
	if (record.size < RECORD_FIXED || record.size > RECORD_FIXED + EVENT_DATA_MAX)
		return refuse(ret_why, "a record of impossible size");
	if (size < RECORD_PREFIX + padded(record.size))
		return 0;
	memcpy(&record, data, sizeof record);
	const unsigned char *bytes = data;
	if (checksum(bytes + RECORD_PREFIX, record.size) != record.sum)
		return refuse(ret_why, "a record whose checksum does not fit");
	if (record.data_size != record.size - RECORD_FIXED || record.kind < EV_META ||
	    record.kind >= EV_KINDS)
		return refuse(ret_why, "a record that makes no sense");
	*ret_event = (struct event){
	    .at = record.at,
	    .kind = record.kind,
	    .flags = record.flags,
	    .what = record.what,
	    .pid = record.pid,
	    .tid = record.tid,
	    .fd = record.fd,
	    .peer = record.peer,
	    .ret = record.ret,
	    .size = record.data_size,
	    .data = record.data_size ? bytes + sizeof record : NULL,
	};
	memcpy(ret_event->arg, record.arg, sizeof record.arg);
	return (int64_t)(RECORD_PREFIX + padded(record.size));
}
