/* SPDX-License-Identifier: MIT */
/*
 * Whoever serves a connection closes it when it has ended, and says so; the caller, told that it is over,
 * closes it as well. The second close says EBADF, and nobody looks. In a server with threads it would close
 * what another thread was given in between.
 *
 * mistake: a descriptor has two owners, and both close it
 * seen: libuv 3ecce9141
 * shown by: fin-idle, fin-idle (echo), rst-idle
 * also: none
 */
#include <unistd.h>
#include "common/loop.h"

static enum turn serve(struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_OVER;

	if (!(events & (EPOLLERR | EPOLLHUP)) || conn_error(conn) == 0) {
		conn->readable = true;
		conn->writable |= (events & EPOLLOUT) != 0;
		turn = conn_turn(conn);
	}
	if (turn == TURN_OVER)
		close(conn->fd);
	return turn;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = serve(conn, events);

	if (turn == TURN_OVER) {
		close(conn->fd); /* THE MISTAKE: it is closed already */
		conn->fd = -1;
	}
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
