/* SPDX-License-Identifier: MIT */
#include "journal/ring.h"

#include <stddef.h>

static const struct {
	const char *name;
	enum call_class class;
} ops[OP_COUNT] = {
#define X(name, class) [OP_##name] = {#name, CLASS_##class},
    WRINGER_RING_OPS(X)
#undef X
};

const char *ring_op_name(unsigned op)
{
	return op < OP_COUNT ? ops[op].name : "unknown";
}

enum call_class ring_op_class(unsigned op)
{
	return op < OP_COUNT ? ops[op].class : CLASS_OTHER;
}

const struct ring_entry *event_ring(const struct event *event)
{
	bool fits = event->kind == EV_RING && (event->what == RING_SUBMIT || event->what == RING_COMPLETE) &&
		    event->data && event->size >= sizeof(struct ring_entry);

	return fits ? event->data : NULL;
}

const void *event_ring_rest(const struct event *event, uint32_t *ret_size)
{
	const struct ring_entry *entry = event_ring(event);

	*ret_size = entry ? event->size - (uint32_t)sizeof *entry : 0;
	return *ret_size ? entry + 1 : NULL;
}

/* Bits of linux/io_uring.h: IORING_POLL_ADD_MULTI stands in the SQE's len, the others in its ioprio. */
bool ring_multishot(const struct ring_entry *entry)
{
	switch (entry->op) {
	case OP_POLL_ADD:
		return entry->extra & 1;
	case OP_ACCEPT:
		return entry->ioprio & 1;
	case OP_RECV:
	case OP_RECVMSG:
	case OP_RECV_ZC:
		return entry->ioprio & 2;
	case OP_READ_MULTISHOT:
		return true;
	case OP_TIMEOUT:
		return entry->op_flags & 1u << 6;
	default:
		return false;
	}
}

#define POLL_LEVEL 8u /* IORING_POLL_ADD_LEVEL */

bool ring_edge(const struct ring_entry *entry)
{
	return entry->op == OP_POLL_ADD && ring_multishot(entry) && !(entry->extra & POLL_LEVEL);
}
