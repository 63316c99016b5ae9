/* SPDX-License-Identifier: MIT */
/*
 * The listener is edge-triggered and drained until EAGAIN, as it should be; but a want of fds ends the loop
 * too, and nothing remembers that somebody still waits. When fds come free the kernel has no edge for that:
 * those in the queue sit there until somebody else connects.
 *
 * rule: accept-lost
 * mistake: after EMFILE it waits for the next edge of the listener
 * seen: eventcore PR #20
 * shown by: fd-exhaustion-recovery, fd-exhaustion-injected
 * also: none (fd-exhaustion shows it as well, and takes as long)
 */
#include "common/listener.h"
#include "common/loop.h"

static void on_listener(struct loop *loop)
{
	int fd;
	enum accept_result result;

	do {
		result = listener_accept(loop->listener, &fd);
		if (result == ACCEPT_GOT)
			loop_admit(loop, fd);
		/* THE MISTAKE: EMFILE and its like end the round just as EAGAIN does. */
	} while (result == ACCEPT_GOT);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.listener = EPOLLIN | EPOLLET, .accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
