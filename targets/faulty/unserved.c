/* SPDX-License-Identifier: MIT */
/*
 * An answer is written as a whole, like in a book: while there is more, write, and when the socket is full,
 * wait until it is not. It is the loop that waits there. One peer that does not read keeps everybody from
 * being served.
 *
 * mistake: the loop waits for one connection to become writable
 * seen: wherever the textbooks' writen() is called from an event loop
 * shown by: stall-mid-response
 * also: loop-blocked, starvation, shutdown-stuck, fin-leak
 */
#include <errno.h>
#include <poll.h>
#include "common/loop.h"

/* False: the connection is lost. */
static bool write_all(struct conn *conn)
{
	struct pollfd room = {.fd = conn->fd, .events = POLLOUT};

	while (session_speaks(&conn->session)) {
		ssize_t sent = conn_send(conn);

		if (sent == -EAGAIN)
			poll(&room, 1, -1); /* THE MISTAKE: not before this one peer reads */
		else if (!conn_heed(conn, sent, &conn->writable))
			return false;
		else if (conn->resting)
			break;
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
	while ((turn = conn_turn(conn)) != TURN_OVER && session_speaks(&conn->session) && !conn->resting) {
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
