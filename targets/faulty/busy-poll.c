/* SPDX-License-Identifier: MIT */
/*
 * Blocked answers are to be looked at again after 20 ms, so the wait must not last longer than until then.
 * Nobody takes that moment back when the answers are sent. Once it has passed it is always due: the timeout
 * is 0 from then on.
 *
 * mistake: a timer that has served its purpose stays set, and every wait is cut short by it, down to 0
 * seen: redis 175a9e319 (0 ms by rounding)
 * shown by: stall-mid-response, short-writes
 * also: none
 */
#include <errno.h>
#include "common/loop.h"

#define LOOK_AGAIN 20 /* ms */

static int look_again_in(const struct loop *loop)
{
	return loop->own > loop->now ? (int)(loop->own - loop->now) : 0;
}

static int wait_events(struct loop *loop, struct epoll_event *events, int most)
{
	int timeout = loop_timeout(loop), count;

	/* THE MISTAKE: asks whether the timer was ever set, not whether anybody still needs it. */
	if (loop->own && (timeout < 0 || look_again_in(loop) < timeout))
		timeout = look_again_in(loop);
	count = epoll_wait(loop->epoll, events, most, timeout);
	if (count >= 0)
		return count;
	return errno == EINTR ? 0 : -errno;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	loop_event(loop, conn, events);
	if (!conn->doomed && conn_wants_write(conn) && !conn->writable)
		loop->own = loop->now + LOOK_AGAIN;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.wait = wait_events, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
