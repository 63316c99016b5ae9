/* SPDX-License-Identifier: MIT */
/*
 * Answers are put off for a moment, so that those to several requests leave together; before they are sent
 * the connection is read once more. If that gives the end of the stream, the connection is closed. A client
 * that says its request, shuts down writing and waits for the answer is hung up on.
 *
 * mistake: a read of 0 is taken for "the peer is gone"; an answer may be owed
 * seen: Envoy #2067, skynet #50
 * shown by: half-close-after-request, half-close-after-request (echo)
 * also: half-close-truncated, write-lost
 */
#include <errno.h>
#include "common/loop.h"

#define PUT_OFF 5 /* ms */

static void start(struct loop *loop)
{
	loop->pool.rest = PUT_OFF;
}

/* False: the connection is over. */
static bool read_requests(struct conn *conn)
{
	while (session_wants(&conn->session)) {
		ssize_t got = conn_receive(conn);

		if (got == 0)
			return false; /* THE MISTAKE: whatever there is to say, nobody is there to hear it */
		if (got < 0)
			return got == -EAGAIN;
	}
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_WAIT;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	if (!(events & EPOLLOUT) && !read_requests(conn)) { /* IN, or the moment is over */
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	conn->resting = events & EPOLLIN && session_speaks(&conn->session);
	conn->writable = true;
	if (!conn->resting)
		turn = conn_turn(conn);
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.start = start, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
