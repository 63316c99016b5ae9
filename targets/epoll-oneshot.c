/* SPDX-License-Identifier: MIT */
/*
 * Several threads wait on one epoll set. EPOLLONESHOT keeps them off each other's connections: an event that
 * was reported disarms its registration, so it is one thread's alone until that thread arms it again.
 *
 *     wait ── take ── serve, without the lock ── give: EPOLL_CTL_MOD ── wait       any thread, any connection
 *
 * - To give it back must end every turn, whatever happened in it: a disarmed registration reports nothing
 * more, not even ERR or HUP. It comes last: from then on the connection may be another thread's.
 * - No memory of events is needed. MOD reports anew whatever is true by then, so what happened during the
 * turn is not lost, and neither is an event that take refuses because the connection is busy.
 * - Time-outs are the second way to a connection, so one-shot alone is not enough: a thread that looks for
 *   overdue ones takes them by the same flag.
 * - An event may be in one thread's hand while another closes its connection. So the event does not carry a
 *   pointer but the fd's number and a serial, looked up under the lock: a late one finds nothing, or a newer
 *   connection with another serial.
 * - One thread at a time accepts. One that finds no fds does not arm the listener again before a pause.
 * - The end is an eventfd that nobody reads: level-triggered, it wakes every thread, for good. So it is
 * written when nothing can come any more, and a thread that still accepts is something that can.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/pool.h"
#include "common/signals.h"

#define THREADS	      4
#define STOP_PATIENCE 1000 /* ms for answers under way when we are told to stop */

struct server {
	int epoll, signals, listener, over;
	pthread_mutex_t lock; /* for all that follows, and for every connection that is not busy */
	bool accepting;	      /* a thread is busy with the listener */
	bool stopping;
	int error;	    /* what ends the server, 0: nothing is wrong */
	uint64_t accept_at; /* when to arm the listener again, 0: it is, or a thread is busy with it */
	uint64_t stop_at;
	uint32_t serial; /* of the newest connection */
	struct pool pool;
	struct conn **conns; /* by descriptor, NULL: none */
	size_t room;	     /* of conns */
};

static void lock(struct server *server)
{
	pthread_mutex_lock(&server->lock);
}

static void unlock(struct server *server)
{
	pthread_mutex_unlock(&server->lock);
}

/* What events carry: those of connections have a serial, the server's own descriptors have none. */
static uint64_t name_of(int fd, uint32_t serial)
{
	return (uint64_t)serial << 32 | (uint32_t)fd;
}

static int arm(const struct server *server, int operation, int fd, uint32_t events, uint64_t name)
{
	struct epoll_event event = {.events = events | EPOLLONESHOT, .data.u64 = name};

	return epoll_ctl(server->epoll, operation, fd, &event);
}

/* Makes the connection ours. NULL: it is gone, or another thread is at it, who will arm it. */
static struct conn *take(struct server *server, uint64_t name)
{
	uint32_t fd = (uint32_t)name;
	struct conn *conn = fd < server->room ? server->conns[fd] : NULL;

	if (!conn || conn->serial != name >> 32 || conn->busy)
		return NULL;
	conn->busy = true;
	return conn;
}

/* Gives it back: to the kernel, or to pool_reap. */
static void give(struct server *server, struct conn *conn, enum turn turn)
{
	uint32_t events = 0;

	conn->busy = false;
	if (server->stopping && !conn->session.last) {
		session_stop(&conn->session);
		if (!session_speaks(&conn->session))
			turn = TURN_OVER;
	}
	if (turn == TURN_OVER) {
		pool_doom(&server->pool, conn);
		return;
	}
	pool_note(&server->pool, conn, clock_ms());
	events |= conn_wants_read(conn) ? EPOLLIN : 0;
	events |= conn_wants_write(conn) ? EPOLLOUT : 0;
	if (arm(server, EPOLL_CTL_MOD, conn->fd, events, name_of(conn->fd, conn->serial)) < 0)
		pool_doom(&server->pool, conn);
}

/* Of a connection that we took. The lock is let go of meanwhile. */
static void serve(struct server *server, struct conn *conn)
{
	enum turn turn;

	unlock(server);
	turn = conn_turn(conn);
	lock(server);
	give(server, conn, turn); /* after TURN_AGAIN it is reported at once, behind everybody else */
}

static void on_connection(struct server *server, uint64_t name, uint32_t events)
{
	struct conn *conn = take(server, name);

	if (!conn)
		return;
	/* A mask is a hint: the socket knows. A resting connection cannot act on HUP, so that is its end. */
	if ((events & (EPOLLERR | EPOLLHUP)) && (conn->resting || conn_error(conn) != 0)) {
		give(server, conn, TURN_OVER);
		return;
	}
	conn->readable |= (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
	conn->writable |= (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
	serve(server, conn);
}

/* Room for a connection under this number. */
static bool make_room(struct server *server, size_t fd)
{
	size_t room = server->room ? server->room : 64;
	struct conn **conns;

	while (room <= fd)
		room *= 2;
	if (room == server->room)
		return true;
	conns = realloc(server->conns, room * sizeof *conns);
	if (!conns)
		return false;
	memset(conns + server->room, 0, (room - server->room) * sizeof *conns);
	server->conns = conns;
	server->room = room;
	return true;
}

static void admit(void *arg, int fd)
{
	struct server *server = arg;
	struct conn *conn;

	lock(server);
	conn = pool_add(&server->pool, fd, clock_ms());
	if (conn) {
		conn->serial = ++server->serial ? server->serial : ++server->serial;
		if (server->stopping || !make_room(server, (size_t)fd)) { /* too late, or no room */
			pool_doom(&server->pool, conn);
		} else {
			server->conns[fd] = conn;
			if (arm(server, EPOLL_CTL_ADD, fd, EPOLLIN, name_of(fd, conn->serial)) < 0)
				pool_doom(&server->pool, conn);
		}
	}
	unlock(server);
}

static void on_listener(struct server *server)
{
	enum accept_result result;

	if (server->stopping || server->accepting)
		return;
	server->accepting = true;
	unlock(server);
	result = listener_accept_some(server->listener, admit, server);
	lock(server);
	server->accepting = false;
	if (server->stopping)
		close(server->listener);
	else if (result == ACCEPT_LATER ||
		 arm(server, EPOLL_CTL_MOD, server->listener, EPOLLIN, name_of(server->listener, 0)) < 0)
		server->accept_at = clock_ms() + LISTENER_PAUSE;
}

static void on_signal(struct server *server)
{
	if (signals_take(server->signals) == 0 || server->stopping)
		return;
	server->stopping = true;
	server->stop_at = clock_ms() + STOP_PATIENCE;
	server->accept_at = 0;
	if (!server->accepting) /* else who accepts closes it */
		close(server->listener);
	pool_stop(&server->pool);
}

static void dispatch(struct server *server, const struct epoll_event *event)
{
	uint64_t name = event->data.u64;

	if (name == name_of(server->signals, 0))
		on_signal(server);
	else if (name == name_of(server->listener, 0))
		on_listener(server);
	else if (name != name_of(server->over, 0))
		on_connection(server, name, event->events);
}

static size_t reap(struct server *server)
{
	const struct conn *conn;

	TAILQ_FOREACH(conn, &server->pool.doomed, timed)
	if ((size_t)conn->fd < server->room)
		server->conns[conn->fd] = NULL;
	return pool_reap(&server->pool);
}

/* What any thread does before it waits: time, closing, and accepting again. */
static void settle(struct server *server)
{
	uint64_t now = clock_ms();
	struct conn *conn;

	while ((conn = pool_expired(&server->pool, now))) {
		conn->busy = true;
		serve(server, conn);
	}
	if (reap(server) > 0 && server->accept_at)
		server->accept_at = now; /* fds came free */
	if (!server->accept_at || server->accept_at > now)
		return;
	server->accept_at = 0;
	if (arm(server, EPOLL_CTL_MOD, server->listener, EPOLLIN, name_of(server->listener, 0)) < 0)
		server->accept_at = now + LISTENER_PAUSE;
}

/* A thread that makes a timer waits for it, unless it is served sooner: so none is missed. */
static int patience(const struct server *server)
{
	uint64_t now = clock_ms();
	int timeout = pool_patience(&server->pool, now);

	if (server->accept_at)
		timeout = clock_sooner(timeout, now, server->accept_at);
	if (server->stopping)
		timeout = clock_sooner(timeout, now, server->stop_at);
	return timeout;
}

/* What is over stays over: the others spin on the eventfd if one more connection changes their mind. */
static bool is_over(const struct server *server)
{
	bool idle = server->pool.count == 0 && !server->accepting;

	return server->error || (server->stopping && (idle || clock_ms() >= server->stop_at));
}

static void *work(void *arg)
{
	struct server *server = arg;

	lock(server);
	while (!is_over(server)) {
		int timeout = patience(server), count;
		struct epoll_event event; /* one: the rest is for the others */

		unlock(server);
		count = epoll_wait(server->epoll, &event, 1, timeout);
		lock(server);
		if (count < 0 && errno != EINTR) /* a signal, a debugger: not an error */
			server->error = -errno;
		if (count > 0)
			dispatch(server, &event);
		settle(server);
	}
	unlock(server);
	eventfd_write(server->over, 1);
	return NULL;
}

/* This thread is one of the workers; with fewer of them than wanted it works too. */
static int run(struct server *server)
{
	pthread_t threads[THREADS - 1];
	size_t started = 0;

	while (started < THREADS - 1 && pthread_create(&threads[started], NULL, work, server) == 0)
		started++;
	work(server);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	return server->error;
}

static int open_server(struct server *server, const struct options *options)
{
	struct epoll_event over = {.events = EPOLLIN};

	server->signals = signals_open();
	if (server->signals < 0)
		return server->signals;
	server->listener = listener_open(options->port, options->backlog);
	if (server->listener < 0)
		return server->listener;
	server->over = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	over.data.u64 = name_of(server->over, 0);
	if (server->over < 0 || server->epoll < 0 ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->over, &over) < 0 ||
	    arm(server, EPOLL_CTL_ADD, server->signals, EPOLLIN, name_of(server->signals, 0)) < 0 ||
	    arm(server, EPOLL_CTL_ADD, server->listener, EPOLLIN, name_of(server->listener, 0)) < 0)
		return -errno;
	pool_init(&server->pool, options->speaks);
	return listener_announce(server->listener);
}

int main(int argc, char **argv)
{
	static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct options options = options_parse(argc, argv);
	int error = open_server(&server, &options);

	if (error == 0)
		error = run(&server);
	if (error < 0) {
		fprintf(stderr, "epoll-oneshot: %s\n", strerror(-error));
		return 1;
	}
	pool_clear(&server.pool);
	free(server.conns);
	return 0;
}
