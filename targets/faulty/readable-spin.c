/* SPDX-License-Identifier: MIT */
/*
 * Peers are throttled: after 32 KiB a connection is not read for 500 ms, and not while much of what it was
 * told is unsent. That it is not read is known to the server, not to the kernel: IN stays armed, so every
 * wait returns at once with bytes that nobody takes.
 *
 * mistake: reading is paused, but EPOLLIN is not taken out of the interest
 * seen: libuv be8b3513d, ed2b91540
 * shown by: stall-mid-response (echo), greedy-peer
 * also: none
 */
#include <errno.h>
#include "common/loop.h"

#define ALLOWANCE 32768 /* bytes, then a pause */
#define PAUSE	  500	/* ms */

static void start(struct loop *loop)
{
	loop->pool.rest = PAUSE;
}

/* THE MISTAKE: armed until the end of the stream, whether anybody is going to read (conn_wants_read) or not.
 */
static uint32_t interest(const struct conn *conn)
{
	return (conn->session.eof ? 0u : EPOLLIN) | (conn_wants_write(conn) ? EPOLLOUT : 0u);
}

static bool read_some(struct conn *conn)
{
	ssize_t got = 1;

	while (got > 0 && conn_wants_read(conn)) {
		got = conn_receive(conn);
		if (got > 0)
			conn->own += (uint64_t)got;
		if (conn->own < ALLOWANCE)
			continue;
		conn->own = 0;
		conn->resting = true;
	}
	return got >= 0 || got == -EAGAIN;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	conn->readable = false; /* reading is done here */
	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	if (events & EPOLLIN && !read_some(conn)) {
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	conn->writable |= (events & EPOLLOUT) != 0;
	loop_serve(loop, conn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.start = start, .event = on_event, .interest = interest};

	return loop_main(argc, argv, &hooks);
}
