/* SPDX-License-Identifier: MIT */
/*
 * The listener is edge-triggered, and each edge is answered with one accept. Connections that arrive together
 * are one edge: all but the first wait until somebody else connects, and then one of them is let in instead
 * of him.
 *
 * mistake: after an edge of the listener it accepts once, not until EAGAIN
 * seen: eventcore PR #20
 * shown by: accept-burst
 * also: unserved, no-recovery
 */
#include "common/listener.h"
#include "common/loop.h"

static void on_listener(struct loop *loop)
{
	int fd;

	/* THE MISTAKE: an edge says that there is somebody, not how many. */
	if (listener_accept(loop->listener, &fd) == ACCEPT_GOT)
		loop_admit(loop, fd);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.listener = EPOLLIN | EPOLLET, .accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
