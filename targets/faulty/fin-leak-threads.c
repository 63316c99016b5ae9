/* SPDX-License-Identifier: MIT */
/*
 * fin-leak in a server of several threads: each has a loop and a set of its own, all share one listener and
 * one table of fds. So who leaked is one thread of several, while the others serve as if nothing were wrong.
 *
 * rule: fin-leak
 * mistake: at the end of the stream the fd is taken out of the set, and not closed
 * seen: nginx ticket #274, libuv #2922
 * shown by: fin-idle, fin-keepalive, fin-after-request
 * also: fd-growth, no-recovery
 */
#include "common/crew.h"

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	bool reads = events == EPOLLIN && !session_speaks(&conn->session);

	loop_event(loop, conn, events);
	if (reads && conn->doomed && conn->session.eof)
		loop_forget(loop, conn); /* THE MISTAKE: EPOLL_CTL_DEL, but no close */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return crew_main_threads(argc, argv, &hooks);
}
