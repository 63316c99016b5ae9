/* SPDX-License-Identifier: MIT */
/*
 * epoll_wait gives -1, so something must be terribly wrong. EINTR is not: a signal handler ran, or the
 * process was stopped and continued, or a debugger looked in.
 *
 * mistake: EINTR from epoll_wait ends the process
 * seen: keepalived #1883, h2o 88ebefa09, pistache PR #565
 * shown by: stop-cont, eintr-storm, same-batch
 * also: unserved, no-recovery
 */
#include <err.h>
#include "common/loop.h"

static int wait_events(struct loop *loop, struct epoll_event *events, int most)
{
	int count = epoll_wait(loop->epoll, events, most, loop_timeout(loop));

	if (count < 0)
		err(1, "epoll_wait"); /* THE MISTAKE */
	return count;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.wait = wait_events};

	return loop_main(argc, argv, &hooks);
}
