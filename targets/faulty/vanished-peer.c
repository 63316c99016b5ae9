/* SPDX-License-Identifier: MIT */
/*
 * Requests are timed, idle connections are not: they cost nothing until their peer says something or closes.
 * One whose peer has vanished does neither.
 *
 * mistake: an idle connection has neither keep-alive nor a timer
 * seen: redis 124a635bc
 * shown by: vanish-idle, vanish-keepalive
 * also: none
 */
#include <errno.h>
#include <sys/socket.h>
#include "common/loop.h"

static void admit(struct loop *loop, int fd)
{
	static const int off = 0;

	/* THE MISTAKE, one half: what the kernel would do about it is switched off. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
	loop_admit(loop, fd);
}

static int wait_events(struct loop *loop, struct epoll_event *events, int most)
{
	/* The other half: a timer runs only while half a request is there. */
	bool timed = loop->accept_at || !TAILQ_EMPTY(&loop->pool.timed[PHASE_HEAD]);
	int count = epoll_wait(loop->epoll, events, most, timed ? loop_timeout(loop) : -1);

	if (count >= 0)
		return count;
	return errno == EINTR ? 0 : -errno;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.admit = admit, .wait = wait_events};

	return loop_main(argc, argv, &hooks);
}
