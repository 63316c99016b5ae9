/* SPDX-License-Identifier: MIT */
/*
 * A connection may ask so many times, then it is closed: that spreads clients over servers. The client that
 * has sent more by then is in for it: close with bytes unread makes the kernel send a reset, which may
 * overtake the answers that were written just before.
 *
 * mistake: close right behind the last answer, without reading what still comes
 * seen: libevent #321, Jetty #12079, nginx 248568130
 * shown by: stop-cont
 * also: half-close-unanswered, half-close-truncated
 */
#include <errno.h>
#include <sys/socket.h>
#include "common/loop.h"

#define REQUESTS_MOST 8
#define PIECE	      ((size_t)512)

/* A piece at a time. False: the connection is over. */
static bool serve(struct conn *conn)
{
	size_t size;
	char *space = session_space(&conn->session, &size);
	ssize_t got = recv(conn->fd, space, size < PIECE ? size : PIECE, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0)
		session_eof(&conn->session);
	else
		session_fed(&conn->session, (size_t)got);
	conn->moved = true;
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	if (events & EPOLLIN && conn_wants_read(conn) && !serve(conn)) {
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	conn->readable = false; /* reading is done here */
	conn->writable = true;
	turn = conn_turn(conn);
	if (conn->session.requests >= REQUESTS_MOST && !session_speaks(&conn->session))
		turn =
		    TURN_OVER; /* THE MISTAKE: shut down writing, read until the peer is done, then close */
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
