/* SPDX-License-Identifier: MIT */
/*
 * The handler closes a connection that has ended, and the clean-up behind the batch closes what it finds: the
 * same descriptor again. The second close says EBADF, and nobody looks. When accept comes between the two it
 * says nothing at all: then it was a newcomer's.
 *
 * mistake: a descriptor has two owners, and both close it
 * seen: libuv 3ecce9141
 * shown by: fin-idle, fin-idle (echo), rst-idle
 * also: wrong-close, unserved
 */
#include <unistd.h>
#include "common/loop.h"

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_OVER;

	if (!(events & (EPOLLERR | EPOLLHUP)) || conn_error(conn) == 0) {
		conn->readable = true;
		conn->writable |= (events & EPOLLOUT) != 0;
		turn = conn_turn(conn);
	}
	if (turn == TURN_OVER)
		close(conn->fd); /* THE MISTAKE: pool_reap is going to do that */
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
