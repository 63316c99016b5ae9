/* SPDX-License-Identifier: MIT */
/*
 * epoll, edge-triggered: the kernel speaks once, when something changes. So nothing spins, and everything is
 * lost that is not finished and not remembered: the art is to keep in mind what was reported until the kernel
 * says EAGAIN.
 *
 *     conn->readable, writable   reported, and no EAGAIN since
 *     the pool's ready list      connections stopped for fairness with work left: no edge will come for them
 *     server->backlog            the same for the listener: fairness or want of fds stopped it before EAGAIN
 *
 * Every fd is registered once, for all it will ever need; EPOLL_CTL_MOD is never called.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/pool.h"

#define BATCH	      64   /* events, or accepts, in one go */
#define ACCEPT_PAUSE  100  /* ms without accepting after the kernel had no fd or no memory for us */
#define ACCEPT_ERRORS 16   /* failures in a row that count as such a shortage too */
#define STOP_PATIENCE 1000 /* ms for answers under way when we are told to stop */

struct server {
	int epoll, signals, listener;
	bool backlog; /* connections may be waiting for accept */
	bool stopping;
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* not to be accepted before */
	uint64_t stop_at;
	struct pool pool;
};

static int watch(struct server *server, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void serve(struct server *server, struct conn *conn)
{
	switch (conn_turn(conn)) {
	case TURN_OVER:
		pool_doom(&server->pool, conn);
		return;
	case TURN_AGAIN:
		pool_queue(&server->pool, conn);
		break;
	case TURN_WAIT:
		break;
	}
	pool_note(&server->pool, conn, server->now);
}

static void on_connection(struct server *server, struct conn *conn, uint32_t events)
{
	if (conn->doomed)
		return;
	/* A mask is a hint: the socket knows. A resting connection cannot act on HUP, so that is its end. */
	if ((events & (EPOLLERR | EPOLLHUP)) && (conn->resting || conn_error(conn) != 0)) {
		pool_doom(&server->pool, conn);
		return;
	}
	conn->readable |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
	conn->writable |= (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
	if (!conn->queued) /* else its turn comes anyway */
		serve(server, conn);
}

static void admit(struct server *server, int fd)
{
	struct conn *conn = pool_add(&server->pool, fd, server->now);

	if (!conn)
		return;
	if (watch(server, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, conn) < 0)
		pool_doom(&server->pool, conn);
}

/* Accepts until nobody waits. Stopping sooner leaves server->backlog set: no edge tells of those left behind.
 */
static void accept_backlog(struct server *server)
{
	int failures = 0, fd;

	server->accept_at = 0;
	for (int i = 0; i < BATCH && failures < ACCEPT_ERRORS; i++) {
		switch (listener_accept(server->listener, &fd)) {
		case ACCEPT_GOT:
			failures = 0;
			admit(server, fd);
			break;
		case ACCEPT_NEXT:
			failures++;
			break;
		case ACCEPT_NONE:
			server->backlog = false;
			return;
		case ACCEPT_LATER:
			failures = ACCEPT_ERRORS;
			break;
		}
	}
	if (failures >= ACCEPT_ERRORS)
		server->accept_at = server->now + ACCEPT_PAUSE;
}

static void on_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals, &info, sizeof info) != sizeof info || server->stopping)
		return;
	server->stopping = true;
	server->stop_at = server->now + STOP_PATIENCE;
	server->backlog = false;
	close(server->listener);
	pool_stop(&server->pool);
}

static void dispatch(struct server *server, const struct epoll_event *event)
{
	if (event->data.ptr == &server->signals)
		on_signal(server);
	else if (event->data.ptr == &server->listener)
		server->backlog = !server->stopping;
	else
		on_connection(server, event->data.ptr, event->events);
}

static int until(uint64_t now, uint64_t when)
{
	return when > now ? (int)(when - now) : 0;
}

static int patience(const struct server *server)
{
	int timeout = pool_queued(&server->pool) > 0 ? 0 : pool_patience(&server->pool, server->now);

	if (server->backlog && (timeout < 0 || until(server->now, server->accept_at) < timeout))
		timeout = until(server->now, server->accept_at);
	if (server->stopping && (timeout < 0 || until(server->now, server->stop_at) < timeout))
		timeout = until(server->now, server->stop_at);
	return timeout;
}

/* A turn for each connection that still had work when this round began; those put back come in the next. */
static void serve_ready(struct server *server)
{
	for (size_t left = pool_queued(&server->pool); left > 0 && pool_queued(&server->pool) > 0; left--)
		serve(server, pool_unqueue(&server->pool));
}

/* What is done between two batches: work left over, time, closing, and accepting. */
static void settle(struct server *server)
{
	struct conn *conn;

	serve_ready(server);
	while ((conn = pool_expired(&server->pool, server->now)))
		serve(server, conn);
	if (pool_reap(&server->pool) > 0)
		server->accept_at = 0; /* fds came free */
	if (!server->backlog || server->accept_at > server->now)
		return;
	accept_backlog(server);
	pool_reap(&server->pool); /* who could not be registered: no event would bring us back for them */
}

static int run(struct server *server)
{
	struct epoll_event events[BATCH];

	while (!server->stopping || (server->pool.count > 0 && server->now < server->stop_at)) {
		int count = epoll_wait(server->epoll, events, BATCH, patience(server));

		if (count < 0 && errno != EINTR) /* a signal, a debugger: not an error */
			return -errno;
		server->now = clock_ms();
		for (int i = 0; i < count; i++)
			dispatch(server, &events[i]);
		settle(server);
	}
	return 0;
}

static int open_server(struct server *server, const struct options *options)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	server->listener = listener_open(options->port, options->backlog);
	if (server->listener < 0)
		return server->listener;
	server->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->signals < 0 || server->epoll < 0 ||
	    watch(server, server->signals, EPOLLIN, &server->signals) < 0 ||
	    watch(server, server->listener, EPOLLIN | EPOLLET, &server->listener) < 0)
		return -errno;
	server->now = clock_ms();
	pool_init(&server->pool, options->speaks);
	return listener_announce(server->listener);
}

int main(int argc, char **argv)
{
	static struct server server;
	struct options options = options_parse(argc, argv);
	int error = open_server(&server, &options);

	if (error == 0)
		error = run(&server);
	if (error < 0) {
		fprintf(stderr, "epoll-edge: %s\n", strerror(-error));
		return 1;
	}
	pool_clear(&server.pool);
	return 0;
}
