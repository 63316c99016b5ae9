/* SPDX-License-Identifier: MIT */
/*
 * accept fails for want of fds, so there is nobody to serve: back to the loop. But the connection is still in
 * the queue, the listener is still readable, and the next wait returns at once, until somebody happens to
 * leave.
 *
 * mistake: EMFILE is taken for EAGAIN on a level-triggered listener
 * seen: nginx 0e3b423dc, haproxy #382, twisted #5368
 * shown by: fd-exhaustion, fd-exhaustion-recovery, fd-exhaustion-injected
 * also: none
 */
#include "common/listener.h"
#include "common/loop.h"

static void on_listener(struct loop *loop)
{
	enum accept_result result;
	int fd;

	do {
		result = listener_accept(loop->listener, &fd);
		if (result == ACCEPT_GOT)
			loop_admit(loop, fd);
	} while (result == ACCEPT_GOT || result == ACCEPT_NEXT);
	/* THE MISTAKE: ACCEPT_LATER ends here like ACCEPT_NONE, with the listener still armed. */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
