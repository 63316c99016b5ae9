/* SPDX-License-Identifier: MIT */
/*
 * A connection is served until there is nothing left to do for it; what is started is finished, and the next
 * event is looked at then. With a peer that never lets it come to an end, the next event is not looked at.
 *
 * mistake: a turn of one connection has no bound
 * seen: redis 6f3767292
 * shown by: greedy-peer, greedy-peer (echo)
 * also: none
 */
#include <poll.h>
#include "common/loop.h"

#define MOMENT 20 /* ms: a peer that is in the middle of something will go on at once, also on a busy machine */

/* Whether there is more to do for it already. */
static bool goes_on(struct conn *conn)
{
	struct pollfd more = {.fd = conn->fd};

	more.events = (short)((conn_wants_read(conn) ? POLLIN : 0) | (conn_wants_write(conn) ? POLLOUT : 0));
	if (!more.events || poll(&more, 1, conn_wants_write(conn) ? MOMENT : 0) <= 0)
		return false;
	conn->readable |= (more.revents & POLLIN) != 0;
	conn->writable |= (more.revents & POLLOUT) != 0;
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	conn->readable |= (events & (EPOLLIN | EPOLLRDHUP)) != 0;
	conn->writable |= (events & EPOLLOUT) != 0;
	/* THE MISTAKE: after its share of the turn it begins the next one. */
	do
		turn = conn_turn(conn);
	while (turn == TURN_AGAIN || (turn == TURN_WAIT && goes_on(conn)));
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
