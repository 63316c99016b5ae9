/* SPDX-License-Identifier: MIT */
/*
 * Out of fds: accepting is paused by shutdown() on the listener, and listen() is to resume it. But it stays
 * in the set, where a listener that is shut down is reported as HUP, asked for or not, until it listens
 * again.
 *
 * mistake: the listener is shut down for a pause, and stays in the epoll set
 * seen: haproxy bb66030a3
 * shown by: accept-errors
 * also: unserved, no-recovery
 */
#include <sys/socket.h>
#include "common/listener.h"
#include "common/loop.h"

#define PAUSE	500 /* ms */
#define BACKLOG 128

static void on_listener(struct loop *loop)
{
	enum accept_result result;
	int fd;

	if (loop->own)
		return; /* paused: nothing to accept */
	do {
		result = listener_accept(loop->listener, &fd);
		if (result == ACCEPT_GOT)
			loop_admit(loop, fd);
	} while (result == ACCEPT_GOT || result == ACCEPT_NEXT);
	if (result == ACCEPT_LATER && shutdown(loop->listener, SHUT_RD) == 0)
		loop->own = loop->now + PAUSE; /* THE MISTAKE: and out of the set? */
}

static int wait_events(struct loop *loop, struct epoll_event *events, int most)
{
	if (loop->own && loop->own <= loop->now && listen(loop->listener, BACKLOG) == 0)
		loop->own = 0;
	return loop_wait(loop, events, most);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = on_listener, .wait = wait_events};

	return loop_main(argc, argv, &hooks);
}
