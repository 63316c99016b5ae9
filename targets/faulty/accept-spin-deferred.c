/* SPDX-License-Identifier: MIT */
/*
 * accept-spin behind TCP_DEFER_ACCEPT: the kernel keeps a connection back until it has said something, so
 * connections that say nothing use up no fds here, however many there are.
 *
 * rule: accept-spin
 * mistake: EMFILE is taken for EAGAIN on a level-triggered listener
 * seen: h2o 2.2.5, src/main.c, on_accept
 * shown by: fd-exhaustion, fd-exhaustion-recovery, fd-exhaustion-injected
 * also: none
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "common/listener.h"
#include "common/loop.h"

#define PATIENCE 30 /* s; beyond a case, for behind it they are given out as they are */

static void defer(struct loop *loop)
{
	const int seconds = PATIENCE;

	(void)setsockopt(loop->listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

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
	static const struct loop_hooks hooks = {.start = defer, .accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
