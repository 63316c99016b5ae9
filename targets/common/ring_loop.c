/* SPDX-License-Identifier: MIT */
#include "common/ring_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"

#define ENTRIES 256
#define SLOTS	1024
#define ROOM	4 /* submissions that one completion may lead to */

enum op { OP_ACCEPT, OP_SIGNAL, OP_RECEIVE, OP_SEND, OP_CANCEL, OP_BITS = 7 };

static void name(struct io_uring_sqe *sqe, struct client *client, enum op op)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)client | op);
	if (client)
		client->conn.held++;
}

static int descriptor(const struct client *client)
{
	return client->slot < 0 ? client->conn.fd : client->slot;
}

/* After io_uring_prep_…, which clears it: the descriptor is a slot. */
static void mark_direct(struct io_uring_sqe *sqe, const struct client *client)
{
	if (client->slot >= 0)
		sqe->flags |= IOSQE_FIXED_FILE;
}

void ring_loop_accept(struct ring_loop *loop)
{
	struct io_uring_sqe *sqe = ring_next(&loop->ring);

	if (loop->hooks->direct)
		io_uring_prep_multishot_accept_direct(sqe, loop->listener, NULL, NULL, 0);
	else
		io_uring_prep_multishot_accept(sqe, loop->listener, NULL, NULL, SOCK_CLOEXEC);
	name(sqe, NULL, OP_ACCEPT);
	loop->accepting = true;
}

void ring_loop_receive(struct ring_loop *loop, struct client *client)
{
	struct io_uring_sqe *sqe = ring_next(&loop->ring);

	io_uring_prep_recv(sqe, descriptor(client), client->in, sizeof client->in, 0);
	mark_direct(sqe, client);
	name(sqe, client, OP_RECEIVE);
	client->receiving = true;
}

static void send_some(struct ring_loop *loop, struct client *client)
{
	struct io_uring_sqe *sqe = ring_next(&loop->ring);
	const char *bytes = session_output(&client->conn.session, &client->offered);

	memcpy(client->out, bytes, client->offered);
	io_uring_prep_send(sqe, descriptor(client), client->out, client->offered, 0);
	mark_direct(sqe, client);
	name(sqe, client, OP_SEND);
	client->sending = true;
}

static bool has_room(const struct client *client)
{
	size_t room;

	if (!conn_wants_read(&client->conn))
		return false;
	(void)session_space((struct session *)&client->conn.session, &room);
	return room >= sizeof client->in;
}

/* conn_linger, by the ring where there is no number. */
static bool linger(struct ring_loop *loop, struct client *client)
{
	struct io_uring_sqe *sqe;

	if (client->slot < 0 || !session_wants(&client->conn.session) || client->conn.shut)
		return conn_linger(&client->conn);
	sqe = ring_next(&loop->ring);
	io_uring_prep_shutdown(sqe, client->slot, SHUT_WR);
	mark_direct(sqe, client);
	name(sqe, client, OP_CANCEL); /* how it ends is of no interest */
	client->conn.shut = true;
	return true;
}

void ring_loop_serve(struct ring_loop *loop, struct client *client)
{
	struct conn *conn = &client->conn;

	if (session_finished(&conn->session) && !linger(loop, client)) {
		pool_doom(&loop->pool, conn);
		return;
	}
	if (!client->sending && conn_wants_write(conn))
		send_some(loop, client);
	if (!client->receiving && has_room(client))
		ring_loop_receive(loop, client);
	pool_note(&loop->pool, conn, loop->now);
}

static bool may_repeat(struct client *client, int result)
{
	if (result == -ENOMEM || result == -ENOBUFS)
		client->conn.resting = true;
	return client->conn.resting || result == -EINTR;
}

void ring_loop_received(struct ring_loop *loop, struct client *client, int result)
{
	size_t room;

	client->conn.moved |= result >= 0;
	if (result > 0) {
		memcpy(session_space(&client->conn.session, &room), client->in, (size_t)result);
		session_fed(&client->conn.session, (size_t)result);
	} else if (result == 0) {
		session_eof(&client->conn.session);
	} else if (!may_repeat(client, result)) {
		pool_doom(&loop->pool, &client->conn);
		return;
	}
	ring_loop_serve(loop, client);
}

void ring_loop_sent(struct ring_loop *loop, struct client *client, int result)
{
	if (result < 0 && !may_repeat(client, result)) {
		pool_doom(&loop->pool, &client->conn);
		return;
	}
	if (result > 0) {
		client->conn.moved = true;
		session_sent(&client->conn.session, (size_t)result);
	}
	ring_loop_serve(loop, client);
}

void ring_loop_admit(struct ring_loop *loop, struct client *client)
{
	ring_loop_serve(loop, client);
}

static void empty_slot(struct ring_loop *loop, int slot, struct client *client)
{
	struct io_uring_sqe *sqe = ring_next(&loop->ring);

	io_uring_prep_close_direct(sqe, (unsigned)slot);
	name(sqe, client, OP_CANCEL);
}

void ring_loop_take(struct ring_loop *loop, int result)
{
	bool direct = loop->hooks->direct;
	struct client *client = (struct client *)pool_add(&loop->pool, direct ? -1 : result, loop->now);

	if (!client && direct)
		empty_slot(loop, result, NULL);
	if (!client)
		return;
	client->receiving = client->sending = client->told = false;
	client->slot = direct ? result : -1;
	client->conn.held += direct;
	if (loop->hooks->admit)
		loop->hooks->admit(loop, client);
	else
		ring_loop_admit(loop, client);
}

void ring_loop_accepted(struct ring_loop *loop, int result, bool more)
{
	loop->accepting = more; /* if not, settle arms it again */
	if (result >= 0)
		ring_loop_take(loop, result);
	else if (accept_failed(-result) == ACCEPT_LATER)
		loop->accept_at = loop->now + LISTENER_PAUSE;
}

static void on_received(struct ring_loop *loop, struct client *client, int result)
{
	client->receiving = false;
	if (client->conn.doomed)
		return;
	if (loop->hooks->received)
		loop->hooks->received(loop, client, result);
	else
		ring_loop_received(loop, client, result);
}

static void on_sent(struct ring_loop *loop, struct client *client, int result)
{
	client->sending = false;
	if (client->conn.doomed)
		return;
	if (loop->hooks->sent)
		loop->hooks->sent(loop, client, result);
	else
		ring_loop_sent(loop, client, result);
}

static void dispatch(struct ring_loop *loop, const struct io_uring_cqe *cqe)
{
	uint64_t data = io_uring_cqe_get_data64(cqe);
	enum op op = data & OP_BITS;
	struct client *client = (struct client *)(uintptr_t)(data & ~(uint64_t)OP_BITS);
	bool more = cqe->flags & IORING_CQE_F_MORE;

	if (client)
		client->conn.held--;
	if (op == OP_RECEIVE)
		on_received(loop, client, cqe->res);
	else if (op == OP_SEND)
		on_sent(loop, client, cqe->res);
	else if (op == OP_SIGNAL)
		loop->stopping = true;
	else if (op == OP_ACCEPT)
		loop->hooks->accepted ? loop->hooks->accepted(loop, cqe->res, more)
				      : ring_loop_accepted(loop, cqe->res, more);
}

static void cancel_all(struct ring_loop *loop, struct client *client)
{
	struct io_uring_sqe *sqe = ring_next(&loop->ring);
	unsigned how = IORING_ASYNC_CANCEL_ALL | (client->slot < 0 ? 0 : IORING_ASYNC_CANCEL_FD_FIXED);

	io_uring_prep_cancel_fd(sqe, descriptor(client), how);
	name(sqe, client, OP_CANCEL);
	client->told = true;
}

/* Nothing is in flight: the slot is emptied, and with that completion it is gone. */
static void vacate(struct ring_loop *loop, struct client *client)
{
	empty_slot(loop, client->slot, client);
	client->slot = -1;
	client->conn.held--;
	client->told = true;
}

static void let_go(struct ring_loop *loop)
{
	struct conn *conn;

	TAILQ_FOREACH(conn, &loop->pool.doomed, timed)
	{
		struct client *client = (struct client *)conn;
		unsigned in_flight = conn->held - (client->slot >= 0);

		if (conn->held == 0 || (in_flight && client->told) || !ring_room(&loop->ring, ROOM))
			continue;
		if (in_flight)
			cancel_all(loop, client);
		else
			vacate(loop, client);
	}
}

static void settle(struct ring_loop *loop)
{
	struct conn *conn;

	while (ring_room(&loop->ring, ROOM) && (conn = pool_expired(&loop->pool, loop->now)))
		ring_loop_serve(loop, (struct client *)conn);
	let_go(loop);
	if (pool_reap(&loop->pool) > 0)
		loop->accept_at = loop->now;
	if (!loop->accepting && loop->accept_at <= loop->now && ring_room(&loop->ring, ROOM))
		ring_loop_accept(loop);
}

static int patience(const struct ring_loop *loop)
{
	int timeout = pool_patience(&loop->pool, loop->now);
	int left = loop->accept_at > loop->now ? (int)(loop->accept_at - loop->now) : 0;

	return !loop->accepting && (timeout < 0 || left < timeout) ? left : timeout;
}

static int run(struct ring_loop *loop)
{
	while (!loop->stopping) {
		int error = ring_wait(&loop->ring, patience(loop));
		struct io_uring_cqe *cqe;

		if (error < 0)
			return error;
		loop->now = clock_ms();
		while (ring_room(&loop->ring, ROOM) && io_uring_peek_cqe(&loop->ring, &cqe) == 0) {
			dispatch(loop, cqe);
			io_uring_cqe_seen(&loop->ring, cqe);
		}
		settle(loop);
	}
	io_uring_queue_exit(&loop->ring);
	pool_clear(&loop->pool);
	return 0;
}

/* No more of them than the process may have fds. */
static int open_slots(struct io_uring *ring)
{
	struct rlimit limit;
	unsigned slots = SLOTS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < slots)
		slots = (unsigned)limit.rlim_cur;
	return io_uring_register_files_sparse(ring, slots);
}

static int open_loop(struct ring_loop *loop, const struct options *options)
{
	struct io_uring_sqe *sqe = ring_next(&loop->ring);
	sigset_t signals;
	int error;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	loop->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	loop->listener = listener_open(options->port, options->backlog);
	if (loop->listener < 0)
		return loop->listener;
	if (loop->signals < 0 || fcntl(loop->listener, F_SETFL, 0) < 0)
		return -errno;
	io_uring_prep_poll_add(sqe, loop->signals, POLLIN);
	name(sqe, NULL, OP_SIGNAL);
	listener_tune(loop->listener);
	if (loop->hooks->direct && (error = open_slots(&loop->ring)) < 0)
		return error;
	if (loop->hooks->opened)
		loop->hooks->opened(loop);
	loop->now = clock_ms();
	pool_init(&loop->pool, options->speaks);
	loop->pool.conn_size = sizeof(struct client);
	ring_loop_accept(loop);
	return listener_announce(loop->listener);
}

int ring_loop_main(int argc, char **argv, const struct ring_hooks *hooks)
{
	struct ring_loop loop = {.hooks = hooks};
	struct options options = options_parse(argc, argv);
	int error = ring_open(&loop.ring, ENTRIES), refused = ring_refuses(error);

	if (error == 0)
		error = open_loop(&loop, &options);
	if (error == 0)
		error = run(&loop);
	if (error < 0)
		fprintf(stderr, "%s: %s%s\n", argv[0], refused ? "no io_uring here: " : "", strerror(-error));
	return refused ? RING_REFUSED : error < 0;
}
