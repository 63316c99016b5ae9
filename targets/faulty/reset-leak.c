/* SPDX-License-Identifier: MIT */
/*
 * Ends by FIN go the whole way: read 0, close. Errors have a branch of their own, written to stop the noise:
 * the fd is taken out of the set, and since nothing will ever be reported for it again, nobody closes it.
 *
 * mistake: at EPOLLERR the fd is taken out of the set, and not closed
 * seen: libuv 9ba773c9c, libevent 950f06fb
 * shown by: rst-idle, rst-mid-request, rst-keepalive, rst-storm, close-unread
 * also: fd-growth, no-recovery
 */
#include "common/loop.h"

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if (events & EPOLLERR)
		loop_forget(loop, conn); /* THE MISTAKE: EPOLL_CTL_DEL, but no close */
	else
		loop_event(loop, conn, events);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
