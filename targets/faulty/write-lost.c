/* SPDX-License-Identifier: MIT */
/*
 * write takes what was offered, or something is wrong with the connection: so it is on the bench, where peers
 * read quickly. To a slow one it takes a part, or nothing (EAGAIN), and the connection is closed with the
 * rest unsent. The request that the peer sent next may lie there unread by then.
 *
 * mistake: a short write, or EAGAIN, is taken for the end of the connection
 * seen: libuv b329d51ef
 * shown by: short-writes, fin-mid-response
 * also: half-close-truncated, unread-close
 */
#include <errno.h>
#include <sys/socket.h>
#include "common/loop.h"

/* False: the connection is over. */
static bool write_all(struct conn *conn)
{
	while (session_speaks(&conn->session)) {
		size_t size;
		const char *bytes = session_output(&conn->session, &size);
		ssize_t sent = send(conn->fd, bytes, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 || (size_t)sent < size)
			return false; /* THE MISTAKE: the rest is owed, at the next EPOLLOUT */
		session_sent(&conn->session, size);
	}
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	conn->readable |= (events & EPOLLIN) != 0;
	conn->writable = false; /* writing is done here */
	while ((turn = conn_turn(conn)) != TURN_OVER && session_speaks(&conn->session)) {
		if (!write_all(conn)) {
			turn = TURN_OVER;
			break;
		}
	}
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
