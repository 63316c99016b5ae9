/* SPDX-License-Identifier: MIT */
/*
 * read gives 0 and the handler makes no difference between "nothing" and "no more": it goes back to the loop
 * and waits for the rest. At the end of the stream the socket is readable for ever, so the wait is over at
 * once, for ever.
 *
 * mistake: a read of 0 is taken for "no data yet"
 * seen: netty PR #4082, lighttpd 3a2ddc6c
 * shown by: fin-idle, fin-keepalive, half-close-idle, fin-idle (echo)
 * also: fin-leak, no-recovery, fd-growth
 */
#include <errno.h>
#include <sys/socket.h>
#include "common/loop.h"

/* Reads what there is. False: the connection is lost. */
static bool read_all(struct conn *conn)
{
	while (session_wants(&conn->session)) {
		size_t size;
		char *space = session_space(&conn->session, &size);
		ssize_t got = recv(conn->fd, space, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN)
			return false;
		if (got <= 0)
			return true; /* THE MISTAKE: 0 is the end, not "nothing yet" */
		session_fed(&conn->session, (size_t)got);
	}
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if (events & EPOLLIN && !(events & EPOLLERR) && !read_all(conn)) {
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	loop_event(loop, conn, events & ~(uint32_t)EPOLLIN);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
