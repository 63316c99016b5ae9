/* SPDX-License-Identifier: MIT */
/*
 * "A descriptor that fails is closed": right for connections, and applied to the listener by the same helper.
 * The first client that hangs up before it is accepted closes the door for all who come after it.
 *
 * mistake: an error of accept closes the listener
 * seen: memcached a0e4a7563 (there the listener was switched off, and only some of the ways led back)
 * shown by: accept-errors
 * also: unserved, no-recovery
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/loop.h"

static void on_listener(struct loop *loop)
{
	for (;;) {
		int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0) {
			close(loop->listener); /* THE MISTAKE: that connection is ill, not the listener */
			return;
		}
		loop_admit(loop, fd);
	}
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
