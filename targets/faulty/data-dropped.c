/* SPDX-License-Identifier: MIT */
/*
 * EPOLLRDHUP saves a read: the peer is gone, so the connection can be closed at once. But RDHUP comes
 * together with the last bytes, and those are in the socket. A client that sends its last message and hangs
 * up is not heard, if it is quick.
 *
 * mistake: EPOLLRDHUP is taken for "there is nothing any more"; what came before the FIN is dropped
 * seen: netty #4317, haproxy dfefebcd7, libuv 2e2114ed8
 * shown by: same-batch, same-batch (echo)
 * also: half-close-unanswered, half-close-truncated, write-lost
 */
#include "common/loop.h"

static uint32_t interest(const struct conn *conn)
{
	return loop_interest(conn) | EPOLLRDHUP;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if (events & EPOLLRDHUP && !(events & EPOLLERR)) {
		loop_done(loop, conn, TURN_OVER); /* THE MISTAKE: EPOLLIN is set as well */
		return;
	}
	loop_event(loop, conn, events);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event, .interest = interest};

	return loop_main(argc, argv, &hooks);
}
