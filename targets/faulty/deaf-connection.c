/* SPDX-License-Identifier: MIT */
/*
 * A client that asks for ever more is paused for the good of the others: it is taken out of the set, "until there is
 * less to do". When that is nobody ever decides.
 *
 * mistake: a connection is taken out of the set for a pause that has no end
 * seen: memcached a0e4a7563 (there it was the listener)
 * shown by: greedy-peer
 * also: fin-leak
 */
#include "common/loop.h"

#define GREEDY 500 /* requests: more than the canary asks on one connection in ten seconds */

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	loop_event(loop, conn, events);
	if (conn->doomed || conn->own || conn->session.requests < GREEDY)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, conn->fd, NULL); /* THE MISTAKE: until when? */
	conn->own = true;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
