/* SPDX-License-Identifier: MIT */
/*
 * Edge-triggered, and one read for each edge, into a buffer that is big enough for every request anybody ever
 * saw. What comes in more than that stays in the socket: the kernel has told, and does not tell again.
 *
 * mistake: after an edge it reads once, not until EAGAIN
 * seen: Varnish #644, aeronet PR #485
 * shown by: drip (echo), churn (echo)
 * also: unserved
 */
#include <errno.h>
#include <sys/socket.h>
#include "common/loop.h"

#define ENOUGH ((size_t)256)

static uint32_t interest(const struct conn *conn)
{
	(void)conn;
	return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
}

/* THE MISTAKE: one read, and no memory of what it left behind. False: the connection is lost. */
static bool read_once(struct conn *conn)
{
	size_t size;
	char *space = session_space(&conn->session, &size);
	ssize_t got = recv(conn->fd, space, size < ENOUGH ? size : ENOUGH, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0)
		session_eof(&conn->session);
	else
		session_fed(&conn->session, (size_t)got);
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_WAIT;

	if (events & (EPOLLERR | EPOLLHUP) && conn_error(conn) != 0)
		turn = TURN_OVER;
	conn->writable |= (events & (EPOLLOUT | EPOLLHUP)) != 0;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		conn->readable = true; /* the end: conn_turn reads until there */
	else if (events & EPOLLIN && session_wants(&conn->session) && !read_once(conn))
		turn = TURN_OVER;
	if (turn != TURN_OVER)
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
