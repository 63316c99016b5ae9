/* SPDX-License-Identifier: MIT */
/*
 * Several processes on one listener. It is opened once and inherited, so all of them wait for the same queue;
 * each has an epoll set of its own, with the connections it accepted and nobody else's.
 *
 * - EPOLLEXCLUSIVE: a new connection wakes one of the waiting sets (at least), not all of them. Without it
 *   every worker runs for every connection, and all but one get EAGAIN.
 * - The sets are made after fork, by the workers: a set made before would be one set, shared, and its events
 *   would reach processes in which their numbers mean nothing.
 * - EAGAIN is no error here: a neighbour was faster.
 * - One at a time: who takes one connection leaves the next to those who sleep meanwhile. It is no fair share
 *   even so: the worker woken last tends to be woken first.
 * - Want of fds takes the listener out of this worker's set only: EPOLL_CTL_MOD is not allowed with
 *   EPOLLEXCLUSIVE, so it is DEL, and later ADD, which reports what waits by then.
 *
 * Everything else is level-triggered epoll: the loop is common/loop.h, explained in epoll-level.c.
 */
#include "common/listener.h"
#include "common/loop.h"
#include "common/options.h"
#include "common/prefork.h"

#define WORKERS	      3
#define STOP_PATIENCE 1000 /* ms for answers under way when we are told to stop */

struct server {
	int listener;
	enum speaks speaks;
};

static void on_listener(struct loop *loop)
{
	int fd;

	switch (listener_accept(loop->listener, &fd)) {
	case ACCEPT_GOT:
		loop_admit(loop, fd);
		break;
	case ACCEPT_NONE: /* a neighbour has it */
	case ACCEPT_NEXT: /* if more wait, the listener is still ready */
		break;
	case ACCEPT_LATER:
		loop_pause(loop);
		break;
	}
}

static int work(void *arg, int index)
{
	static const struct loop_hooks hooks = {
	    .listener = EPOLLIN | EPOLLEXCLUSIVE,
	    .accept = on_listener,
	    .drain = STOP_PATIENCE,
	};
	const struct server *server = arg;
	struct loop loop = {.hooks = &hooks};
	int error = loop_open(&loop, server->listener, server->speaks);

	(void)index;
	return loop_status("epoll-exclusive", error == 0 ? loop_run(&loop) : error);
}

int main(int argc, char **argv)
{
	struct options options = options_parse(argc, argv);
	struct server server = {.speaks = options.speaks};
	int error;

	server.listener = listener_open(options.port, options.backlog);
	error = server.listener < 0 ? server.listener : listener_announce(server.listener);
	if (error == 0)
		error = prefork_run(WORKERS, work, &server);
	return loop_status("epoll-exclusive", error);
}
