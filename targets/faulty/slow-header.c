/* SPDX-License-Identifier: MIT */
/*
 * A dead peer is found by keep-alive, and a live one will send the rest of its request in its own time. So
 * the loop needs no timers, and sleeps until something happens.
 *
 * mistake: nothing limits how long the head of a request may take
 * seen: node #33440 (before headersTimeout)
 * shown by: slowloris
 * also: none
 */
#include <errno.h>
#include "common/loop.h"

static int wait_events(struct loop *loop, struct epoll_event *events, int most)
{
	/* THE MISTAKE: only the pause of accept has an end. */
	int count = epoll_wait(loop->epoll, events, most, loop->accept_at ? loop_timeout(loop) : -1);

	if (count >= 0)
		return count;
	return errno == EINTR ? 0 : -errno;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.wait = wait_events};

	return loop_main(argc, argv, &hooks);
}
