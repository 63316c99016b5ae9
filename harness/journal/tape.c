/* SPDX-License-Identifier: MIT */
#include "journal/tape.h"

#include <errno.h>
#include <string.h>

#define ALIGNMENT sizeof(uint64_t) /* of an event, and of struct ready behind one */

static size_t room_of(const struct event *event)
{
	size_t data = event->data ? event->size : 0;

	return sizeof *event + (data + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int tape_add(struct tape *tape, const struct event *event)
{
	struct buf *records = &tape->records;
	size_t room = room_of(event);

	if (buf_reserve(records, room) < 0)
		return -ENOMEM;
	memcpy(records->data + records->size, event, sizeof *event);
	if (event->data && event->size)
		memcpy(records->data + records->size + sizeof *event, event->data, event->size);
	records->size += room;
	return 0;
}

int tape_play(const struct tape *tape, int (*sink)(void *arg, const struct event *event), void *arg)
{
	const char *at = tape->records.data, *end = at + tape->records.size;
	int r = 0;

	while (at < end && r == 0) {
		struct event event;

		memcpy(&event, at, sizeof event);
		if (event.data)
			event.data = at + sizeof event;
		at += room_of(&event);
		r = sink(arg, &event);
	}
	return r;
}

void tape_clear(struct tape *tape)
{
	buf_clear(&tape->records);
}

void tape_free(struct tape *tape)
{
	buf_free(&tape->records);
}
