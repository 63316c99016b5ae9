/* SPDX-License-Identifier: MIT */
/* What an io_uring did: `io_uring: RECV fd 7 submitted`, `io_uring: RECV fd 7 completed = 0 [F_MORE]`. */
#include <sys/epoll.h>
#include "journal/ring.h"
#include "journal/text.h"

struct bit_name {
	uint32_t bit;
	const char *name;
};

static void add_bits(struct text *text, uint32_t bits, const struct bit_name *names, size_t count)
{
	const char *before = " [";

	for (size_t i = 0; i < count; i++) {
		if (!(bits & names[i].bit))
			continue;
		text_add(text, "%s%s", before, names[i].name);
		before = "|";
	}
	if (before[0] == '|')
		text_add(text, "]");
}

static void add_sqe_flags(struct text *text, const struct ring_entry *entry)
{
	static const struct bit_name names[] = {
	    {1u << 1, "DRAIN"},	     {1u << 2, "LINK"},		 {1u << 3, "HARDLINK"},
	    {1u << 4, "ASYNC"},	     {1u << 5, "BUFFER_SELECT"}, {1u << 6, "SKIP_SUCCESS"},
	    {1u << 31, "MULTISHOT"},
	};

	add_bits(text, entry->sqe_flags | (ring_multishot(entry) ? 1u << 31 : 0), names,
		 sizeof names / sizeof *names);
}

static void add_cqe_flags(struct text *text, const struct ring_entry *entry)
{
	static const struct bit_name names[] = {
	    {RING_F_BUFFER, "F_BUFFER"},
	    {RING_F_MORE, "F_MORE"},
	    {RING_F_SOCK_NONEMPTY, "F_SOCK_NONEMPTY"},
	    {RING_F_NOTIF, "F_NOTIF"},
	    {RING_F_BUF_MORE, "F_BUF_MORE"},
	};

	add_bits(text, entry->cqe_flags, names, sizeof names / sizeof *names);
}

static void add_ctl(struct text *text, const struct event *event, const struct ring_entry *entry)
{
	static const char *const ops[] = {"?", "ADD", "DEL", "MOD"};
	uint32_t size;
	const struct ready *ready = event_ring_rest(event, &size);

	text_add(text, ", %s", ops[entry->length < 4 ? entry->length : 0]);
	if (!ready || size < sizeof *ready)
		return;
	text_add(text, " in epoll %d", ready->fd);
	if (entry->length == EPOLL_CTL_DEL)
		return;
	text_add(text, ", ");
	text_mask(text, ready->events);
}

static void add_details(struct text *text, const struct event *event, const struct ring_entry *entry)
{
	uint32_t size;
	const void *rest = event_ring_rest(event, &size);

	switch (ring_op_class(entry->op)) {
	case CLASS_READ:
	case CLASS_WRITE:
		if (entry->length)
			text_add(text, ", %llu bytes", (unsigned long long)entry->length);
		break;
	case CLASS_ACCEPT:
	case CLASS_CONNECT:
	case CLASS_LISTEN:
		text_address(text, rest, size);
		break;
	case CLASS_SHUTDOWN:
		text_add(text, ", %s", entry->length == 0 ? "RD" : entry->length == 1 ? "WR" : "RDWR");
		break;
	case CLASS_CTL:
		add_ctl(text, event, entry);
		break;
	case CLASS_WAIT:
		if (entry->op == OP_POLL_ADD) {
			text_add(text, ", ");
			text_mask(text, (uint32_t)entry->length);
		}
		break;
	case CLASS_CREATE:
	case CLASS_CLOSE:
	case CLASS_DUP:
	case CLASS_OPTION:
	case CLASS_RING:
	case CLASS_OTHER:
		break;
	}
}

/* A poll's result is a mask, everything else's a number. */
static void add_result(struct text *text, const struct event *event, const struct ring_entry *entry)
{
	uint32_t size;
	const void *rest = event_ring_rest(event, &size);

	if (entry->op != OP_POLL_ADD || event->ret <= 0) {
		text_number(text, event->ret);
	} else {
		text_add(text, " = ");
		text_mask(text, (uint32_t)event->ret);
	}
	if (entry->op == OP_EPOLL_WAIT && event->ret > 0)
		text_ready(text, rest, size / (uint32_t)sizeof(struct ready));
}

static void add_request(struct text *text, const struct event *event, const struct ring_entry *entry)
{
	text_add(text, "io_uring: %s", ring_op_name(entry->op));
	if (event->fd >= 0)
		text_add(text, " fd %d", event->fd);
	else if (entry->index >= 0)
		text_add(text, " direct %d", entry->index);
	add_details(text, event, entry);
	if (event->what == RING_COMPLETE) {
		text_add(text, " completed");
		add_result(text, event, entry);
		add_cqe_flags(text, entry);
	} else {
		text_add(text, " submitted");
		add_sqe_flags(text, entry);
	}
}

void text_ring(struct text *text, const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);

	switch ((enum ring_what)event->what) {
	case RING_SUBMIT:
	case RING_COMPLETE:
		if (entry)
			add_request(text, event, entry);
		break;
	case RING_LOST:
		text_add(text, "io_uring: %lld %s of ring %d were not seen", (long long)event->ret,
			 event->arg[0] ? "completions" : "submissions", event->fd);
		break;
	case RING_UNSEEN:
		text_add(text, "io_uring: ring %d: ", event->fd);
		text_data(text, event);
		break;
	}
}
