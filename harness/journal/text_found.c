/* SPDX-License-Identifier: MIT */
/* What was there before we looked, as a line: `found fd 7: a connection, 10.0.0.2:4711`. */
#include "journal/event.h"
#include "journal/text.h"

static const char *const nouns[FOUNDS] = {
    [FOUND_SOCKET] = "a socket",     [FOUND_LISTENER] = "a listener",
    [FOUND_CONN] = "a connection",   [FOUND_OUTGOING] = "an outgoing connection",
    [FOUND_EPOLL] = "an epoll",	     [FOUND_PIPE] = "a pipe",
    [FOUND_EVENTFD] = "an eventfd",  [FOUND_TIMERFD] = "a timerfd",
    [FOUND_SIGNALFD] = "a signalfd", [FOUND_RING] = "an io_uring",
    [FOUND_OTHER] = "a file",
};

static void add_fd(struct text *text, const struct event *event)
{
	text_add(text, "fd %d: %s", event->fd, event->what < FOUNDS ? nouns[event->what] : "?");
	if (event->what == FOUND_LISTENER || event->what == FOUND_CONN || event->what == FOUND_OUTGOING)
		text_address(text, event->data, event->size);
}

void text_found(struct text *text, const struct event *event)
{
	const struct ready *ready;
	uint32_t count;

	text_add(text, "found ");
	switch (event->what) {
	case FOUND_PROCESS:
		text_add(text, "process %d ", event->pid);
		text_data(text, event);
		break;
	case FOUND_THREAD:
		text_add(text, "thread %d", event->tid);
		break;
	case FOUND_SAME:
		text_add(text, "fd %d: the same as fd %d of process %d", event->fd, (int)event->arg[1],
			 (int)event->arg[0]);
		break;
	case FOUND_LIST:
		ready = event_ready(event, &count);
		text_add(text, "that epoll %d holds", event->fd);
		text_ready(text, ready, count);
		break;
	default:
		add_fd(text, event);
	}
}
