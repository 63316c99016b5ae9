/* SPDX-License-Identifier: MIT */
/*
 * What epoll_ctl returns is not looked at: it has always worked. When the user's watches are used up (ENOSPC)
 * the new connection is accepted, kept, and never heard of again.
 *
 * mistake: the result of EPOLL_CTL_ADD is ignored
 * seen: libuv 1ffff94d3, redis da127ed3d (there the process aborted)
 * shown by: ctl-failure
 * also: none
 */
#include "common/loop.h"

static void admit(struct loop *loop, int fd)
{
	struct conn *conn = pool_add(&loop->pool, fd, loop->now);
	struct epoll_event event = {.data.ptr = conn};

	if (!conn)
		return;
	event.events = conn->armed = loop_interest(conn);
	epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event); /* THE MISTAKE */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.admit = admit};

	return loop_main(argc, argv, &hooks);
}
