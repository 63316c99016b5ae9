/* SPDX-License-Identifier: MIT */
/*
 * The answer does not fit into the socket; the rest is kept for later. Later never comes: nobody asks epoll
 * to tell when there is room, so the peer reads what was sent and then waits for the rest, and so does the
 * server. What a peer does send and read at once it is given without a share, for how else would it ever get the
 * rest: a large echo makes others wait (starvation).
 *
 * mistake: EAGAIN is remembered, but EPOLLOUT is not armed
 * seen: redis 3bc89500d, netty #4205, questdb PR #6544
 * shown by: stall-mid-response, slow-read, short-writes, stall-mid-response (echo), short-writes (echo)
 * also: fin-leak, starvation
 */
#include "common/loop.h"

/* THE MISTAKE: only what might come in. */
static uint32_t interest(const struct conn *conn)
{
	return conn_wants_read(conn) ? EPOLLIN : 0;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	conn->readable = true;
	do
		turn = conn_turn(conn);
	while (turn == TURN_AGAIN);
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event, .interest = interest};

	return loop_main(argc, argv, &hooks);
}
