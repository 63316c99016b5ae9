/* SPDX-License-Identifier: MIT */
/*
 * Requests are read when there is IN, answers are sent when there is OUT, and the end of the stream is the
 * end of the connection. A client that says its request, shuts down writing and waits for the answer is hung
 * up on in between.
 *
 * mistake: a read of 0 is taken for "the peer is gone"; an answer may be owed
 * seen: Envoy #2067, skynet #50
 * shown by: half-close-after-request, half-close-mid-response
 * also: half-close-truncated, write-lost
 */
#include <errno.h>
#include "common/loop.h"

/* False: the connection is over. */
static bool read_requests(struct conn *conn)
{
	while (session_wants(&conn->session)) {
		ssize_t got = conn_receive(conn);

		if (got == 0)
			return false; /* THE MISTAKE: whatever there is to say now, there is nobody to hear it
				       */
		if (got < 0)
			return got == -EAGAIN;
	}
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_WAIT;

	if (events & EPOLLERR || (events & EPOLLIN && !read_requests(conn))) {
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	conn->writable =
	    (events & (EPOLLOUT | EPOLLHUP)) != 0; /* what was just read is answered at the next OUT */
	if (conn->writable || session_finished(&conn->session))
		turn = conn_turn(conn);
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
