/* SPDX-License-Identifier: MIT */
/*
 * The result of send is looked at for errors only. As long as peers read quickly it is what was asked for;
 * when the socket is full it is less, or EAGAIN, and the rest is never sent. The next answer follows right
 * behind the hole.
 *
 * mistake: a short write is taken for a whole one
 * seen: libuv b329d51ef
 * shown by: stall-mid-response, slow-read, short-writes
 * also: none
 */
#include <errno.h>
#include <sys/socket.h>
#include "common/loop.h"

/* False: the connection is lost. */
static bool write_all(struct conn *conn)
{
	while (session_speaks(&conn->session)) {
		size_t size;
		const char *bytes = session_output(&conn->session, &size);

		if (send(conn->fd, bytes, size, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		session_sent(&conn->session, size); /* THE MISTAKE: all of it? */
	}
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	conn->writable = false; /* writing is done here */
	loop_event(loop, conn, events & ~(uint32_t)EPOLLOUT);
	if (conn->doomed)
		return;
	if (write_all(conn))
		loop_serve(loop, conn);
	else
		loop_done(loop, conn, TURN_OVER);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
