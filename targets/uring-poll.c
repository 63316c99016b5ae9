/* SPDX-License-Identifier: MIT */
/*
 * Readiness through io_uring: a multishot POLL_ADD for each fd takes the place of an epoll set, and recv,
 * send and accept stay plain calls. Arming costs no system call of its own: it travels with the next wait.
 *
 * Such a poll speaks when something changes, like an edge: so what was reported is kept in mind until the
 * kernel says EAGAIN (compare epoll-edge.c), and what was left for fairness stands on the ready list. Three
 * things differ from epoll:
 *
 *     the poll holds the socket   close() alone would send no FIN: first the poll is cancelled, and when its
 *                                 last completion has come the socket is closed (conn->held, pool_reap)
 *     a poll can end by itself    a completion without IORING_CQE_F_MORE is its last: it is armed again
 *     RDHUP comes unasked         as ERR and HUP do
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/pool.h"
#include "common/ring.h"

#define BATCH	      64   /* accepts in one go */
#define ENTRIES	      256  /* submissions in one go */
#define ACCEPT_PAUSE  100  /* ms without accepting after the kernel had no fd or no memory for us */
#define ACCEPT_ERRORS 16   /* failures in a row that count as such a shortage too */
#define STOP_PATIENCE 1000 /* ms for answers under way when we are told to stop */

struct server {
	struct io_uring ring;
	int signals, listener;
	bool listening; /* the listener's poll is armed */
	bool backlog;	/* connections may be waiting for accept */
	bool stopping;
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* not to be accepted before */
	uint64_t stop_at;
	struct pool pool;
};

/* False: the kernel takes no more submissions now. */
static bool arm(struct server *server, int fd, unsigned events, void *data)
{
	struct io_uring_sqe *sqe;

	if (!ring_room(&server->ring, 1))
		return false;
	sqe = ring_next(&server->ring);
	io_uring_prep_poll_multishot(sqe, fd, events);
	io_uring_sqe_set_data(sqe, data);
	return true;
}

/*
 * Its own completion is of no interest: the poll's last one tells that it is gone. Not by POLL_REMOVE, which
 * gives EALREADY, and leaves the poll as it is, when an event is just being reported.
 */
static bool disarm(struct server *server, void *data)
{
	struct io_uring_sqe *sqe;

	if (!ring_room(&server->ring, 1))
		return false;
	sqe = ring_next(&server->ring);
	io_uring_prep_cancel64(sqe, (uintptr_t)data, 0);
	io_uring_sqe_set_data(sqe, NULL);
	return true;
}

static bool arm_conn(struct server *server, struct conn *conn)
{
	if (!arm(server, conn->fd, POLLIN | POLLOUT | POLLRDHUP, conn))
		return false;
	conn->held = 1;
	return true;
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

static void on_events(struct server *server, struct conn *conn, unsigned events)
{
	/* A mask is a hint: the socket knows. A resting connection cannot act on HUP, so that is its end. */
	if ((events & (POLLERR | POLLHUP)) && (conn->resting || conn_error(conn) != 0)) {
		pool_doom(&server->pool, conn);
		return;
	}
	conn->readable |= (events & (POLLIN | POLLRDHUP | POLLERR | POLLHUP)) != 0;
	conn->writable |= (events & (POLLOUT | POLLERR | POLLHUP)) != 0;
	if (!conn->queued) /* else its turn comes anyway */
		serve(server, conn);
}

static void on_connection(struct server *server, struct conn *conn, const struct io_uring_cqe *cqe)
{
	bool over = !(cqe->flags & IORING_CQE_F_MORE);

	if (over)
		conn->held = 0;
	if (conn->doomed)
		return;
	if (cqe->res < 0) {
		pool_doom(&server->pool, conn);
		return;
	}
	/* Armed anew it reports what is true now: nothing can fall between the two polls. */
	if (over && !arm_conn(server, conn))
		pool_doom(&server->pool, conn);
	else
		on_events(server, conn, (unsigned)cqe->res);
}

static void admit(struct server *server, int fd)
{
	struct conn *conn = pool_add(&server->pool, fd, server->now);

	if (conn && !arm_conn(server, conn))
		pool_doom(&server->pool, conn);
}

/* Accepts until nobody waits. Stopping sooner leaves server->backlog set: no poll tells of those left behind.
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

static void on_listener(struct server *server, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		server->listening = false; /* settle arms it again */
	server->backlog = !server->stopping;
	if (server->stopping && !server->listening)
		close(server->listener);
}

static void on_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals, &info, sizeof info) != sizeof info || server->stopping)
		return;
	server->stopping = true;
	server->stop_at = server->now + STOP_PATIENCE;
	server->backlog = false;
	if (!server->listening)
		close(server->listener);
	else
		(void)disarm(server, &server->listener); /* and closes it when the poll is gone */
	pool_stop(&server->pool);
}

static void dispatch(struct server *server, const struct io_uring_cqe *cqe)
{
	void *data = io_uring_cqe_get_data(cqe);

	if (data == &server->signals)
		on_signal(server);
	else if (data == &server->listener)
		on_listener(server, cqe);
	else if (data)
		on_connection(server, data, cqe);
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

/* Takes the poll off every connection that is to be closed. conn->own: that has been asked for. */
static void let_go(struct server *server)
{
	struct conn *conn;

	TAILQ_FOREACH(conn, &server->pool.doomed, timed)
	if (conn->held > 0 && !conn->own)
		conn->own = disarm(server, conn);
}

/* What is done between two batches: work left over, time, closing, and accepting. */
static void settle(struct server *server)
{
	struct conn *conn;

	serve_ready(server);
	while ((conn = pool_expired(&server->pool, server->now)))
		serve(server, conn);
	let_go(server);
	if (pool_reap(&server->pool) > 0)
		server->accept_at = 0; /* fds came free */
	if (server->backlog && server->accept_at <= server->now)
		accept_backlog(server);
	if (!server->listening && !server->stopping)
		server->listening = arm(server, server->listener, POLLIN, &server->listener);
}

static int run(struct server *server)
{
	while (!server->stopping || (server->pool.count > 0 && server->now < server->stop_at)) {
		int error = ring_wait(&server->ring, patience(server));
		struct io_uring_cqe *cqe;

		if (error < 0)
			return error;
		server->now = clock_ms();
		while (io_uring_peek_cqe(&server->ring, &cqe) == 0) {
			dispatch(server, cqe);
			io_uring_cqe_seen(&server->ring, cqe);
		}
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
	if (server->signals < 0)
		return -errno;
	server->now = clock_ms();
	pool_init(&server->pool, options->speaks);
	(void)arm(server, server->signals, POLLIN, &server->signals); /* an empty ring has room */
	server->listening = arm(server, server->listener, POLLIN, &server->listener);
	return listener_announce(server->listener);
}

int main(int argc, char **argv)
{
	static struct server server;
	struct options options = options_parse(argc, argv);
	int error = ring_open(&server.ring, ENTRIES), refused = ring_refuses(error);

	if (error == 0)
		error = open_server(&server, &options);
	if (error == 0)
		error = run(&server);
	if (error < 0) {
		fprintf(stderr, "uring-poll: %s%s\n", refused ? "no io_uring here: " : "", strerror(-error));
		return refused ? RING_REFUSED : 1;
	}
	io_uring_queue_exit(&server.ring); /* takes every poll with it, so that closing closes */
	pool_clear(&server.pool);
	return 0;
}
