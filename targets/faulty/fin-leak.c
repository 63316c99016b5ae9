/* SPDX-License-Identifier: MIT */
/*
 * The peer is gone, so its events are no longer of interest: EPOLL_CTL_DEL. That is the end of the connection
 * as far as the loop is concerned; that a descriptor goes with it is nobody's business. The peer waits in
 * FIN_WAIT2, the fd for ever.
 *
 * mistake: at the end of the stream the fd is taken out of the set, and not closed
 * seen: nginx ticket #274, libuv #2922, node #11307
 * shown by: fin-idle, fin-keepalive, fin-after-request, half-close-after-request
 * also: fd-growth, no-recovery
 */
#include "common/loop.h"

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	conn->readable |= (events & EPOLLIN) != 0;
	conn->writable |= (events & EPOLLOUT) != 0;
	turn = conn_turn(conn);
	if (turn == TURN_OVER && conn->session.eof)
		loop_forget(loop, conn); /* THE MISTAKE: EPOLL_CTL_DEL, but no close */
	else
		loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
