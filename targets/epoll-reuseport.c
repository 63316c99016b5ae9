/* SPDX-License-Identifier: MIT */
/*
 * Several processes with a listener each, all bound to one port by SO_REUSEPORT. The kernel spreads new
 * connections over the listeners by a hash of their addresses, so each worker has a queue of its own: nobody
 * is woken in vain, and nothing is shared that could be fought for.
 *
 *     the price         a connection in a busy worker's queue waits for that worker, however idle the others
 *     a dead worker     takes its queue along: those in it are reset. So the parent keeps every listener open
 *                       and gives it to the worker's successor, who finds the queue as it was
 *     all before one    the port is announced when every listener is there: one that joins later gets nothing
 *                       of what came before
 *     the others'       a worker closes the listeners that are not its own. A copy kept by mistake keeps a
 *                       queue alive in which connections are accepted by nobody
 *     the port          the first listener takes a free one (port 0), the rest bind to that
 *
 * Everything else is level-triggered epoll: the loop is common/loop.h, explained in epoll-level.c.
 */
#include <unistd.h>

#include "common/listener.h"
#include "common/loop.h"
#include "common/options.h"
#include "common/prefork.h"

#define WORKERS	      3
#define STOP_PATIENCE 1000 /* ms for answers under way when we are told to stop */

struct server {
	int listeners[PREFORK_MOST];
	int workers;
	enum speaks speaks;
};

static int open_listeners(struct server *server, const struct options *options)
{
	int port = options->port;

	for (int i = 0; i < server->workers; i++) {
		int fd = listener_open_shared((uint16_t)port, options->backlog);

		if (fd < 0)
			return fd;
		server->listeners[i] = fd;
		port = listener_port(fd);
		if (port < 0)
			return port;
	}
	return listener_announce(server->listeners[0]);
}

static int work(void *arg, int index)
{
	static const struct loop_hooks hooks = {.drain = STOP_PATIENCE};
	const struct server *server = arg;
	struct loop loop = {.hooks = &hooks};
	int error;

	for (int i = 0; i < server->workers; i++)
		if (i != index)
			close(server->listeners[i]);
	error = loop_open(&loop, server->listeners[index], server->speaks);
	return loop_status("epoll-reuseport", error == 0 ? loop_run(&loop) : error);
}

int main(int argc, char **argv)
{
	struct options options = options_parse(argc, argv);
	struct server server = {.speaks = options.speaks,
				.workers = options.workers ? options.workers : WORKERS};
	int error = open_listeners(&server, &options);

	if (error == 0)
		error = prefork_run(server.workers, work, &server);
	return loop_status("epoll-reuseport", error);
}
