/* SPDX-License-Identifier: MIT */
/*
 * What is armed need not be remembered when it is armed anew after every event. That works, and makes one
 * system call more of every one.
 *
 * mistake: EPOLL_CTL_MOD after each event, whether or not the interest has changed
 * seen: zio #510
 * shown by: drip, slowloris
 * also: none
 */
#include "common/loop.h"

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	struct epoll_event event = {.data.ptr = conn};

	loop_event(loop, conn, events);
	if (conn->doomed)
		return;
	/* THE MISTAKE: it is armed like this already. */
	event.events = conn->armed;
	epoll_ctl(loop->epoll, EPOLL_CTL_MOD, conn->fd, &event);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
