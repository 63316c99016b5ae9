/* SPDX-License-Identifier: MIT */
/*
 * select: poll's older sister, with one bit a descriptor. What is different from poll.c:
 *
 *     FD_SETSIZE   the sets have 1024 bits, and a descriptor beyond them is written past their end: FD_SET
 *                  checks nothing. So no descriptor may ever get that far: see set_limit and admit.
 *     the sets     are overwritten with the answer, so the loop keeps its own and waits with copies
 *     no masks     a reset looks like "readable", and, to whom waits for that, "writable": it is the read or
 *                  write that finds out. Who asks for neither is told nothing, not even of a reset.
 *
 *     want_read    connections whose session takes input, the listener unless it rests, the signals
 *     want_write   connections whose answer waits for room
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/pool.h"
#include "common/signals.h"

#define STOP_PATIENCE 1000 /* ms for answers under way when we are told to stop */

struct server {
	int signals, listener;
	int top; /* the highest descriptor in a set, or more */
	fd_set want_read, want_write;
	struct conn *conns[FD_SETSIZE]; /* by descriptor, NULL: none */
	bool stopping;
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* when to listen again, 0: we do */
	uint64_t stop_at;
	struct pool pool;
};

static void want(fd_set *set, int fd, bool wanted)
{
	if (wanted)
		FD_SET(fd, set);
	else
		FD_CLR(fd, set);
}

/* Takes those that are to be closed out of the sets: their numbers will soon be others'. */
static void sweep(struct server *server)
{
	int least = server->signals > server->listener ? server->signals : server->listener;
	const struct conn *conn;

	TAILQ_FOREACH(conn, &server->pool.doomed, timed)
	{
		FD_CLR(conn->fd, &server->want_read);
		FD_CLR(conn->fd, &server->want_write);
		server->conns[conn->fd] = NULL;
	}
	while (server->top > least && !server->conns[server->top])
		server->top--;
}

static void serve(struct server *server, struct conn *conn)
{
	if (conn_turn(conn) == TURN_OVER) {
		pool_doom(&server->pool, conn);
		return;
	}
	/* After TURN_AGAIN it is still ready, so the next wait says so, behind everybody else. */
	pool_note(&server->pool, conn, server->now);
	want(&server->want_read, conn->fd, conn_wants_read(conn));
	want(&server->want_write, conn->fd, conn_wants_write(conn));
}

static void admit(void *arg, int fd)
{
	struct server *server = arg;
	struct conn *conn;

	if (fd >= FD_SETSIZE) { /* the limit was raised behind our back: this one cannot be waited for */
		close(fd);
		return;
	}
	conn = pool_add(&server->pool, fd, server->now);
	if (!conn)
		return;
	server->conns[fd] = conn;
	server->top = fd > server->top ? fd : server->top;
	FD_SET(fd, &server->want_read);
}

static void on_listener(struct server *server)
{
	if (listener_accept_some(server->listener, admit, server) != ACCEPT_LATER)
		return;
	/* Without this the listener, still readable, would be reported at once and for ever. */
	FD_CLR(server->listener, &server->want_read);
	server->accept_at = server->now + LISTENER_PAUSE;
}

static void on_signal(struct server *server)
{
	if (signals_take(server->signals) == 0 || server->stopping)
		return;
	server->stopping = true;
	server->stop_at = server->now + STOP_PATIENCE;
	server->accept_at = 0;
	FD_CLR(server->listener, &server->want_read);
	close(server->listener);
	pool_stop(&server->pool);
}

/* The listener last: it brings new connections under numbers that this answer says nothing about. */
static void dispatch(struct server *server, const fd_set *readable, const fd_set *writable, int top)
{
	for (int fd = 0; fd <= top; fd++) {
		struct conn *conn = server->conns[fd];

		if (!conn || conn->doomed || (!FD_ISSET(fd, readable) && !FD_ISSET(fd, writable)))
			continue;
		conn->readable |= FD_ISSET(fd, readable) != 0;
		conn->writable |= FD_ISSET(fd, writable) != 0;
		serve(server, conn);
	}
	if (FD_ISSET(server->signals, readable))
		on_signal(server);
	if (FD_ISSET(server->listener, readable) && !server->stopping)
		on_listener(server);
}

static int patience(const struct server *server)
{
	int timeout = pool_patience(&server->pool, server->now);

	if (server->accept_at)
		timeout = clock_sooner(timeout, server->now, server->accept_at);
	if (server->stopping)
		timeout = clock_sooner(timeout, server->now, server->stop_at);
	return timeout;
}

/* What is done between two batches: time, closing, and accepting again. */
static void settle(struct server *server)
{
	struct conn *conn;

	while ((conn = pool_expired(&server->pool, server->now)))
		serve(server, conn);
	sweep(server);
	if (pool_reap(&server->pool) > 0 && server->accept_at)
		server->accept_at = server->now; /* fds came free */
	if (server->accept_at && server->accept_at <= server->now) {
		FD_SET(server->listener, &server->want_read);
		server->accept_at = 0;
	}
}

/* Waits with copies of the sets; they come back as the answer, empty when there is none. 0 or -errno. */
static int wait_for_events(const struct server *server, fd_set *ret_readable, fd_set *ret_writable)
{
	int timeout = patience(server);
	struct timeval left = {.tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000};

	*ret_readable = server->want_read;
	*ret_writable = server->want_write;
	if (select(server->top + 1, ret_readable, ret_writable, NULL, timeout < 0 ? NULL : &left) >= 0)
		return 0;
	FD_ZERO(ret_readable); /* after an error the sets are undefined */
	FD_ZERO(ret_writable);
	return errno == EINTR ? 0 : -errno;
}

static int run(struct server *server)
{
	while (!server->stopping || (server->pool.count > 0 && server->now < server->stop_at)) {
		fd_set readable, writable;
		int error = wait_for_events(server, &readable, &writable);

		if (error < 0)
			return error;
		server->now = clock_ms();
		dispatch(server, &readable, &writable, server->top);
		settle(server);
	}
	return 0;
}

/*
 * Makes the kernel refuse what select cannot hold: accept gives EMFILE, as it does at any limit, and whoever
 * comes next waits in the listener's queue until somebody leaves. Accepting and closing again would take a
 * request in only to throw it away.
 */
static int set_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur <= FD_SETSIZE)
		return 0;
	limit.rlim_cur = FD_SETSIZE;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int open_server(struct server *server, const struct options *options)
{
	int error = set_limit();

	if (error < 0)
		return error;
	server->signals = signals_open();
	if (server->signals < 0)
		return server->signals;
	server->listener = listener_open(options->port, options->backlog);
	if (server->listener < 0)
		return server->listener;
	if (server->listener >= FD_SETSIZE || server->signals >= FD_SETSIZE) /* inherited that many */
		return -EMFILE;
	FD_SET(server->signals, &server->want_read);
	FD_SET(server->listener, &server->want_read);
	server->top = server->signals > server->listener ? server->signals : server->listener;
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
		fprintf(stderr, "select: %s\n", strerror(-error));
		return 1;
	}
	pool_clear(&server.pool);
	return 0;
}
