/* SPDX-License-Identifier: MIT */
/*
 * epoll, level-triggered: the kernel says again whatever is still true. So nothing is lost by leaving work
 * for later, and everything spins that is reported without being acted on: the art is to ask for no more than
 * will be done.
 *
 *     interest of a connection   IN while its session takes input, OUT while an answer waits for room
 *     the listener               IN, and out of the set altogether while there are no fds to accept with
 *
 * ERR and HUP come unasked, even with an empty interest: they lead to a close, or to I/O that finds the end.
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
	bool listening; /* the listener is in the set */
	bool stopping;
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* when to put the listener back, 0: it is there */
	uint64_t stop_at;
	struct pool pool;
};

static int watch(struct server *server, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Makes the kernel's idea of our interest the present one. A connection for which that fails could never be
 * served again. */
static void arm(struct server *server, struct conn *conn)
{
	struct epoll_event event = {.data.ptr = conn};

	if (conn_wants_read(conn))
		event.events |= EPOLLIN;
	if (conn_wants_write(conn))
		event.events |= EPOLLOUT;
	if (event.events == conn->armed)
		return;
	if (epoll_ctl(server->epoll, EPOLL_CTL_MOD, conn->fd, &event) < 0)
		pool_doom(&server->pool, conn);
	conn->armed = event.events;
}

static void serve(struct server *server, struct conn *conn)
{
	if (conn_turn(conn) == TURN_OVER) {
		pool_doom(&server->pool, conn);
		return;
	}
	/* After TURN_AGAIN the interest is still true, so the next wait says so, behind everybody else. */
	pool_note(&server->pool, conn, server->now);
	arm(server, conn);
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
	conn->readable |= (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
	conn->writable |= (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
	serve(server, conn);
}

static void admit(struct server *server, int fd)
{
	struct conn *conn = pool_add(&server->pool, fd, server->now);

	if (!conn)
		return;
	conn->armed = EPOLLIN;
	if (watch(server, fd, conn->armed, conn) < 0)
		pool_doom(&server->pool, conn);
}

/* Without this the listener, still readable, would be reported at once and for ever. */
static void pause_accepting(struct server *server)
{
	if (epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listener, NULL) == 0)
		server->listening = false;
	server->accept_at = server->now + ACCEPT_PAUSE;
}

static void resume_accepting(struct server *server)
{
	if (!server->listening && watch(server, server->listener, EPOLLIN, &server->listener) < 0) {
		server->accept_at = server->now + ACCEPT_PAUSE;
		return;
	}
	server->listening = true;
	server->accept_at = 0;
}

static void on_listener(struct server *server)
{
	int failures = 0, fd;

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
			return;
		case ACCEPT_LATER:
			failures = ACCEPT_ERRORS;
			break;
		}
	}
	if (failures >= ACCEPT_ERRORS)
		pause_accepting(server);
}

static void on_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals, &info, sizeof info) != sizeof info || server->stopping)
		return;
	server->stopping = true;
	server->stop_at = server->now + STOP_PATIENCE;
	server->accept_at = 0;
	close(server->listener);
	pool_stop(&server->pool);
}

static void dispatch(struct server *server, const struct epoll_event *event)
{
	if (event->data.ptr == &server->signals)
		on_signal(server);
	else if (event->data.ptr != &server->listener)
		on_connection(server, event->data.ptr, event->events);
	else if (!server->stopping) /* else it was closed earlier in this batch */
		on_listener(server);
}

static int until(uint64_t now, uint64_t when)
{
	return when > now ? (int)(when - now) : 0;
}

static int patience(const struct server *server)
{
	int timeout = pool_patience(&server->pool, server->now);

	if (server->accept_at && (timeout < 0 || until(server->now, server->accept_at) < timeout))
		timeout = until(server->now, server->accept_at);
	if (server->stopping && (timeout < 0 || until(server->now, server->stop_at) < timeout))
		timeout = until(server->now, server->stop_at);
	return timeout;
}

/* What is done between two batches: time, closing, and accepting again. */
static void settle(struct server *server)
{
	struct conn *conn;

	while ((conn = pool_expired(&server->pool, server->now)))
		serve(server, conn);
	if (pool_reap(&server->pool) > 0 && server->accept_at)
		server->accept_at = server->now; /* fds came free */
	if (server->accept_at && server->accept_at <= server->now)
		resume_accepting(server);
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
	    watch(server, server->listener, EPOLLIN, &server->listener) < 0)
		return -errno;
	server->listening = true;
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
		fprintf(stderr, "epoll-level: %s\n", strerror(-error));
		return 1;
	}
	pool_clear(&server.pool);
	return 0;
}
