/* SPDX-License-Identifier: MIT */
/*
 * A polite end: when asked to stop, listen no longer, and go when the last client has gone. A client that
 * keeps its connection for its next request does not go.
 *
 * mistake: a stop waits for every connection to end by itself, however long that takes
 * seen: nginx c650b3ec5 (idle connections kept a worker that was told to end)
 * shown by: term-under-load
 * also: none
 */
#include <errno.h>
#include <unistd.h>
#include "common/loop.h"

/* The stop itself is kept from the loop, which would end at once. */
static int without_signal(struct loop *loop, struct epoll_event *events, int count)
{
	int kept = 0;

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr != &loop->signals) {
			events[kept++] = events[i];
			continue;
		}
		loop->own = 1;
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->signals, NULL);
		if (loop->listening)
			epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
		loop->listening = false;
		loop->accept_at = 0;
		close(loop->listener);
	}
	return kept;
}

static int wait_events(struct loop *loop, struct epoll_event *events, int most)
{
	int count;

	if (loop->own && loop->pool.count == 0) {
		loop->stopping = true;
		return 0;
	}
	/* THE MISTAKE: no moment at which those that are left are closed. */
	count = epoll_wait(loop->epoll, events, most, loop->own ? -1 : loop_timeout(loop));
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	return without_signal(loop, events, count);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.wait = wait_events};

	return loop_main(argc, argv, &hooks);
}
