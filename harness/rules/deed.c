/* SPDX-License-Identifier: MIT */
#include <sys/epoll.h>
#include <sys/socket.h>
#include "journal/ring.h"
#include "rules/deed.h"

/* Arming a poll is what arming a registration is, and its report is no deed at all. */
static uint32_t poll_flags(const struct event *event)
{
	return event->what == RING_SUBMIT ? DEED_REARM : 0;
}

static bool is_poll(const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);

	return entry && entry->op == OP_POLL_ADD;
}

/* A request of a ring is what the call would have been, once it is complete. */
static enum call_class class_of(const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);

	if (event->kind == EV_CALL)
		return call_class((enum call)event->what);
	return entry && event->what == RING_COMPLETE ? ring_op_class(entry->op) : CLASS_OTHER;
}

static int is_peek(const struct event *event)
{
	if (event->kind == EV_RING)
		return 0;
	return event->what != CALL_read && event->what != CALL_readv && (event->arg[1] & MSG_PEEK);
}

int deed_moves(const struct event *event)
{
	switch (class_of(event)) {
	case CLASS_READ:
		return event->ret > 0 && !is_peek(event);
	case CLASS_WRITE:
		return event->ret > 0;
	case CLASS_ACCEPT:
	case CLASS_CONNECT:
	case CLASS_SHUTDOWN:
	case CLASS_CLOSE:
		return event->ret >= 0;
	case CLASS_OTHER:
	case CLASS_CREATE:
	case CLASS_LISTEN:
	case CLASS_DUP:
	case CLASS_OPTION:
	case CLASS_CTL:
	case CLASS_WAIT:
	case CLASS_RING:
		return 0;
	}
	return 0;
}

static uint32_t ctl_flags(const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);

	if (event->ret < 0)
		return DEED_CALL;
	if (entry)
		return entry->length == EPOLL_CTL_MOD ? DEED_REARM : 0;
	return event->arg[1] == EPOLL_CTL_MOD ? DEED_REARM : 0;
}

static uint32_t flags_of(const struct event *event)
{
	uint32_t moves = deed_moves(event) ? DEED_MOVES : 0;

	if (is_poll(event))
		return poll_flags(event);
	switch (class_of(event)) {
	case CLASS_READ:
		return DEED_CALL | (is_peek(event) ? 0 : DEED_READ) | (moves & DEED_IN);
	case CLASS_ACCEPT:
		return DEED_CALL | DEED_READ | (moves & DEED_IN);
	case CLASS_WAIT: /* its fd is an epoll inside another one */
		return DEED_CALL | DEED_READ;
	case CLASS_WRITE:
		return DEED_CALL | DEED_WRITE | (moves & DEED_OUT);
	case CLASS_CONNECT:
		return DEED_CALL | DEED_WRITE | (moves & DEED_TURN);
	case CLASS_SHUTDOWN:
	case CLASS_CLOSE:
		return DEED_CALL | (moves & DEED_TURN);
	case CLASS_CTL:
		return ctl_flags(event);
	case CLASS_OPTION:
		return DEED_ASK;
	case CLASS_OTHER:
	case CLASS_CREATE:
	case CLASS_LISTEN:
	case CLASS_DUP:
	case CLASS_RING:
		return DEED_CALL;
	}
	return DEED_CALL;
}

size_t deeds_of(const struct world *world, const struct event *event, struct deed ret_deeds[2])
{
	const struct touch *touch = world_touch(world);
	uint32_t ring =
	    event->kind == EV_RING && event->what == RING_COMPLETE && !is_poll(event) ? DEED_RING : 0;
	uint32_t fake = event->flags & (EVF_INJECTED | EVF_SHORTENED) ? DEED_FAKE : 0;
	size_t count = 0;

	if (event->kind != EV_CALL && event->kind != EV_RING)
		return 0;
	if (touch->file)
		ret_deeds[count++] = (struct deed){touch->file, flags_of(event) | fake | ring |
								    (event->ret < 0 ? DEED_FAIL : 0)};
	if (event->kind == EV_RING)
		return count;
	if (event->what == CALL_splice || event->what == CALL_sendfile) {
		struct file *source = world_file(world, event->pid, (int32_t)event->arg[2]);
		uint32_t moved = event->ret > 0 ? DEED_IN : 0;

		if (source && source != touch->file)
			ret_deeds[count++] = (struct deed){source, DEED_CALL | DEED_READ | moved | fake};
	}
	return count;
}
