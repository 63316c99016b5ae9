/* SPDX-License-Identifier: MIT */
/*
 * Every connection is also kept in a list of sessions, for the log, with a descriptor of its own. When it
 * ends the loop closes its descriptor, which takes it out of the epoll set, as everybody knows; but only the
 * last close does. The events go on, and nobody feels meant.
 *
 * mistake: close without EPOLL_CTL_DEL, while a dup holds the open file description
 * seen: haproxy 041751c13, libuv ce56a85b1, libevent #560
 * shown by: fin-idle, rst-keepalive
 * also: eof-spin, hup-spin, readable-spin, fin-leak, reset-leak, busy-poll, fd-growth, no-recovery
 */
#include <unistd.h>
#include "common/loop.h"

static void admit(struct loop *loop, int fd)
{
	(void)!dup(fd); /* into the list of sessions, which this example does without */
	loop_admit(loop, fd);
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_OVER;

	if (!(events & (EPOLLERR | EPOLLHUP)) || conn_error(conn) == 0) {
		conn->readable = true;
		conn->writable |= (events & EPOLLOUT) != 0;
		turn = conn_turn(conn);
	}
	if (turn != TURN_OVER) {
		loop_done(loop, conn, turn);
		return;
	}
	close(conn->fd); /* THE MISTAKE: the registration lives on with the copy */
	TAILQ_REMOVE(&loop->pool.timed[conn->timer], conn, timed);
	conn->doomed = true; /* but never freed: the session goes on pointing to it */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.admit = admit, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
