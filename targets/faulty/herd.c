/* SPDX-License-Identifier: MIT */
/*
 * Four processes, each with its own epoll instance, and the listener of their parent in all of them. A
 * connection wakes every one of them; the quickest accepts it, after the work that a turn of its loop begins
 * with (timers, say).
 *
 * mistake: a listener shared by several epoll instances is registered without EPOLLEXCLUSIVE
 * seen: nginx 96c342e56, haproxy d9e7e36c6
 * shown by: one-at-a-time
 * also: none
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "common/loop.h"

#define WORKERS 4
#define TURN_US                                                                                              \
	4000 /* long enough for the others to be told of the same connection, also on a busy machine */

static void wait_for_the_end(void)
{
	sigset_t signals;
	int which;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigwait(&signals, &which);
	_exit(0);
}

/*
 * Once the parent has its listener and before it registers anything for good: what a child registers in an
 * inherited epoll instance would be registered for all of them, so each makes its own.
 */
static void start(struct loop *loop)
{
	pid_t parent = getpid();
	struct epoll_event signals = {.events = EPOLLIN, .data.ptr = &loop->signals};

	for (int i = 0; i < WORKERS; i++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(0);
		close(loop->epoll);
		loop->epoll = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->signals, &signals);
		return; /* THE MISTAKE follows: the loop registers the listener for EPOLLIN alone */
	}
	loop->own = 1;
}

static int wait_events(struct loop *loop, struct epoll_event *events, int most)
{
	if (loop->own)
		wait_for_the_end();
	int count = loop_wait(loop, events, most);
	usleep(TURN_US);
	return count;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.start = start, .wait = wait_events};

	return loop_main(argc, argv, &hooks);
}
