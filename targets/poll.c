/* SPDX-License-Identifier: MIT */
/*
 * poll: the kernel remembers nothing. Each wait brings the whole list along, and each return is a snapshot of
 * what is true now, so it behaves like level-triggered epoll: nothing is lost by leaving work for later, and
 * everything spins that is reported without being acted on.
 *
 *     entries[0], [1]    the signals and the listener
 *     entries[2 …]       one a connection, conns[] beside them
 *     entry.events       what its session wants now; ERR and HUP come unasked, even with no events at all
 *     entry.fd           -1: poll passes over it, the only way to hear nothing of it (the resting listener)
 *
 * What it costs: every wait copies and walks all entries, however few are ready. And one trap: the length of
 * the list may not exceed RLIMIT_NOFILE as it is now, so lowering that limit makes poll itself fail (EINVAL).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/pool.h"
#include "common/signals.h"

#define STOP_PATIENCE 1000 /* ms for answers under way when we are told to stop */
#define SLICE_WAIT    10   /* ms in one slice of a list that is too long for poll */

enum { SIGNALS, LISTENER, FIRST }; /* the entries */

struct server {
	struct pollfd *entries;
	struct conn **conns; /* of the same entry; NULL below FIRST */
	size_t count, room;
	size_t slice; /* where the next slice begins, when poll takes no more than a part of the list */
	int listener;
	bool stopping;
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* when to listen again, 0: we do */
	uint64_t stop_at;
	struct pool pool;
};

static bool grow(struct server *server)
{
	size_t room = server->room ? 2 * server->room : 64;
	struct pollfd *entries = realloc(server->entries, room * sizeof *entries);
	struct conn **conns;

	if (!entries)
		return false;
	server->entries = entries;
	conns = realloc(server->conns, room * sizeof *conns);
	if (!conns)
		return false;
	server->conns = conns;
	server->room = room;
	return true;
}

static bool add(struct server *server, int fd, struct conn *conn)
{
	if (server->count == server->room && !grow(server))
		return false;
	server->entries[server->count] = (struct pollfd){.fd = fd, .events = POLLIN};
	server->conns[server->count++] = conn;
	return true;
}

/* Takes the entries of those that are to be closed out of the list: their numbers will soon be others'. */
static void sweep(struct server *server)
{
	size_t kept = FIRST;

	if (TAILQ_EMPTY(&server->pool.doomed))
		return;
	for (size_t i = FIRST; i < server->count; i++) {
		if (server->conns[i]->doomed)
			continue;
		server->entries[kept] = server->entries[i];
		server->conns[kept] = server->conns[i];
		server->conns[kept]->own = kept;
		kept++;
	}
	server->count = kept;
}

/* Asking is free of charge: the list is handed over with the next wait. */
static void arm(struct server *server, const struct conn *conn)
{
	int reads = conn_wants_read(conn) ? POLLIN : 0, writes = conn_wants_write(conn) ? POLLOUT : 0;

	server->entries[conn->own].events = (short)(reads | writes);
}

static void serve(struct server *server, struct conn *conn)
{
	if (conn_turn(conn) == TURN_OVER) {
		pool_doom(&server->pool, conn);
		return;
	}
	/* After TURN_AGAIN it is still ready, so the next wait says so, behind everybody else. */
	pool_note(&server->pool, conn, server->now);
	arm(server, conn);
}

static void on_connection(struct server *server, struct conn *conn, short events)
{
	if (conn->doomed)
		return;
	/* A mask is a hint: the socket knows. A resting connection cannot act on HUP, so that is its end. */
	if ((events & (POLLERR | POLLHUP)) && (conn->resting || conn_error(conn) != 0)) {
		pool_doom(&server->pool, conn);
		return;
	}
	conn->readable |= (events & (POLLIN | POLLERR | POLLHUP)) != 0;
	conn->writable |= (events & (POLLOUT | POLLERR | POLLHUP)) != 0;
	serve(server, conn);
}

static void admit(void *arg, int fd)
{
	struct server *server = arg;
	struct conn *conn = pool_add(&server->pool, fd, server->now);

	if (!conn)
		return;
	conn->own = server->count;
	if (!add(server, fd, conn))
		pool_doom(&server->pool, conn);
}

static void on_listener(struct server *server)
{
	if (listener_accept_some(server->listener, admit, server) != ACCEPT_LATER)
		return;
	/* Without this the listener, still readable, would be reported at once and for ever. */
	server->entries[LISTENER].fd = -1;
	server->accept_at = server->now + LISTENER_PAUSE;
}

static void on_signal(struct server *server)
{
	if (signals_take(server->entries[SIGNALS].fd) == 0 || server->stopping)
		return;
	server->stopping = true;
	server->stop_at = server->now + STOP_PATIENCE;
	server->accept_at = 0;
	server->entries[LISTENER].fd = -1;
	close(server->listener);
	pool_stop(&server->pool);
}

/* Connections accepted now stand behind the end of this snapshot. */
static void dispatch(struct server *server, size_t from, size_t to)
{
	for (size_t i = from > FIRST ? from : FIRST; i < to; i++)
		if (server->entries[i].revents)
			on_connection(server, server->conns[i], server->entries[i].revents);
	if (from == SIGNALS && server->entries[SIGNALS].revents)
		on_signal(server);
	if (from <= LISTENER && to > LISTENER && server->entries[LISTENER].revents && !server->stopping)
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
		server->entries[LISTENER].fd = server->listener;
		server->accept_at = 0;
	}
}

/* poll takes no more entries than the limit on fds, which somebody lowered: a part of the list at a time. */
static int wait_slice(struct server *server, size_t *ret_from, size_t *ret_to)
{
	struct rlimit limit;
	size_t from = server->slice < server->count ? server->slice : 0, most = server->count - from;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur == 0)
		return -EINVAL;
	if (most > limit.rlim_cur)
		most = limit.rlim_cur;
	*ret_from = from;
	*ret_to = server->slice = from + most;
	return poll(server->entries + from, most, SLICE_WAIT) < 0 ? -errno : 0;
}

/* Waits until something is ready in entries [*ret_from, *ret_to). 0 or a negative errno. */
static int wait_for_events(struct server *server, size_t *ret_from, size_t *ret_to)
{
	*ret_from = 0;
	*ret_to = server->count;
	if (poll(server->entries, server->count, patience(server)) >= 0)
		return 0;
	return errno == EINVAL ? wait_slice(server, ret_from, ret_to) : -errno;
}

static int run(struct server *server)
{
	while (!server->stopping || (server->pool.count > 0 && server->now < server->stop_at)) {
		size_t from, to;
		int error = wait_for_events(server, &from, &to);

		if (error < 0 && error != -EINTR && error != -EAGAIN)
			return error;
		server->now = clock_ms();
		if (error == 0) /* else the results are those of the wait before */
			dispatch(server, from, to);
		settle(server);
	}
	return 0;
}

static int open_server(struct server *server, const struct options *options)
{
	int signals = signals_open();

	if (signals < 0)
		return signals;
	server->listener = listener_open(options->port, options->backlog);
	if (server->listener < 0)
		return server->listener;
	if (!add(server, signals, NULL) || !add(server, server->listener, NULL))
		return -ENOMEM;
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
		fprintf(stderr, "poll: %s\n", strerror(-error));
		return 1;
	}
	pool_clear(&server.pool);
	return 0;
}
