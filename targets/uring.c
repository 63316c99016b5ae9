/* SPDX-License-Identifier: MIT */
/*
 * io_uring by completions: nothing is asked to be ready, work is handed to the kernel and comes back done.
 *
 *     accept    one multishot request: a completion for each connection
 *     receive   one multishot request a connection: a completion for each piece, in a buffer of a shared ring
 *     send      one request at a time a connection: its result may be short, then the rest follows
 *
 * There is no HUP and no readiness here. A FIN is a receive that completes with 0, a reset one that completes
 * with -ECONNRESET (or a send, with that or -EPIPE; there is no SIGPIPE). What needs care:
 *
 *     memory belongs to the kernel until the completion: so `out` is a copy, for the session moves its bytes
 *     a request holds the socket: close() under a receive sends no FIN. First everything in flight is
 *     cancelled; when its last completion has come (conn.held), the socket is closed
 *     a multishot request ends by itself (no IORING_CQE_F_MORE): after an error, for want of buffers, when
 *     the completion queue is full. Then it is armed again, and only then
 *     a multishot receive goes on whether we can use the bytes or not. What the session does not take now is
 *     kept aside, so that buffers never run out for others, and when that is too much the receive is
 * cancelled
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/pool.h"
#include "common/ring.h"

#define ENTRIES	      256 /* submissions in one go */
#define ROOM	      4	  /* what one completion may lead to */
#define BUFFERS	      512 /* a power of two */
#define BUFFER_SIZE   4096
#define KEPT_MOST     FIFO_SIZE /* bytes kept aside before the receive is cancelled */
#define ACCEPT_PAUSE  100	/* ms without accepting after the kernel had no fd or no memory for us */
#define ACCEPT_ERRORS 16	/* failures in a row that count as such a shortage too */
#define STOP_PATIENCE 1000	/* ms for answers under way when we are told to stop */

/* What a completion is about: the low bits of its user data, the rest points to the client. */
enum op { OP_ACCEPT, OP_SIGNAL, OP_RECEIVE, OP_SEND, OP_CANCEL, OP_BITS = 7 };

struct client {
	struct conn conn; /* first: the pool makes and frees it. conn.held counts its requests in flight */
	bool receiving, sending; /* which those are */
	bool cancelling;	 /* the receive, or when doomed everything, has been told to stop */
	bool eof;		 /* received; the session hears of it after what is kept */
	char *kept;		 /* received, and not yet taken by the session */
	size_t kept_size;
	char out[FIFO_SIZE]; /* what is being sent */
};

struct server {
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	char *memory; /* of the buffers */
	int signals, listener;
	bool accepting; /* the multishot accept is armed */
	bool stopping;
	int failures;	    /* of accept, in a row */
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* not to be accepted before */
	uint64_t stop_at;
	struct pool pool;
};

/* The next submission; whoever leads here has seen to it that there is room. */
static struct io_uring_sqe *request(struct server *server, struct client *client)
{
	if (client)
		client->conn.held++;
	return ring_next(&server->ring);
}

/* After io_uring_prep_…, which clears it. */
static void name(struct io_uring_sqe *sqe, struct client *client, enum op op)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)client | op);
}

static void accept_more(struct server *server)
{
	struct io_uring_sqe *sqe = request(server, NULL);

	io_uring_prep_multishot_accept(sqe, server->listener, NULL, NULL, SOCK_CLOEXEC);
	name(sqe, NULL, OP_ACCEPT);
	server->accepting = true;
}

static void receive(struct server *server, struct client *client)
{
	struct io_uring_sqe *sqe = request(server, client);

	io_uring_prep_recv_multishot(sqe, client->conn.fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	name(sqe, client, OP_RECEIVE);
	client->receiving = true;
}

static void cancel_receive(struct server *server, struct client *client)
{
	struct io_uring_sqe *sqe = request(server, client);

	io_uring_prep_cancel64(sqe, (uintptr_t)client | OP_RECEIVE, 0);
	name(sqe, client, OP_CANCEL);
	client->cancelling = true;
}

static void cancel_all(struct server *server, struct client *client)
{
	struct io_uring_sqe *sqe = request(server, client);

	io_uring_prep_cancel_fd(sqe, client->conn.fd, IORING_ASYNC_CANCEL_ALL);
	name(sqe, client, OP_CANCEL);
	client->cancelling = true;
}

static void send_some(struct server *server, struct client *client)
{
	struct io_uring_sqe *sqe = request(server, client);
	size_t size;
	const char *bytes = session_output(&client->conn.session, &size);

	memcpy(client->out, bytes, size);
	io_uring_prep_send(sqe, client->conn.fd, client->out, size, 0);
	name(sqe, client, OP_SEND);
	client->sending = true;
}

/* Gives the session what it takes; how much. */
static size_t feed(struct session *session, const char *bytes, size_t size)
{
	size_t fed = 0;

	while (fed < size && session_wants(session)) {
		size_t room;
		char *space = session_space(session, &room);

		if (room > size - fed)
			room = size - fed;
		memcpy(space, bytes + fed, room);
		session_fed(session, room);
		fed += room;
	}
	return fed;
}

static void feed_kept(struct client *client)
{
	size_t fed = feed(&client->conn.session, client->kept, client->kept_size);

	client->kept_size -= fed;
	memmove(client->kept, client->kept + fed, client->kept_size);
	if (client->kept_size > 0)
		return;
	free(client->kept);
	client->kept = NULL;
}

/* False: no memory to keep aside what the session does not take. */
static bool take_in(struct client *client, const char *bytes, size_t size)
{
	size_t fed = client->kept ? 0 : feed(&client->conn.session, bytes, size);
	char *kept;

	if (fed == size)
		return true;
	kept = realloc(client->kept, client->kept_size + size - fed);
	if (!kept)
		return false;
	memcpy(kept + client->kept_size, bytes + fed, size - fed);
	client->kept = kept;
	client->kept_size += size - fed;
	return true;
}

/* After anything happened to a connection: sees what its session can do now, and what to ask the kernel for.
 */
static void serve(struct server *server, struct client *client)
{
	struct conn *conn = &client->conn;

	if (client->kept)
		feed_kept(client);
	if (client->eof && !client->kept && !conn->session.eof)
		session_eof(&conn->session);
	if (session_finished(&conn->session) && !conn_linger(conn)) {
		pool_doom(&server->pool, conn);
		return;
	}
	if (!client->sending && conn_wants_write(conn))
		send_some(server, client);
	if (!client->receiving && !client->eof && !client->kept && conn_wants_read(conn))
		receive(server, client);
	else if (client->receiving && !client->cancelling && client->kept_size > KEPT_MOST)
		cancel_receive(server, client);
	pool_note(&server->pool, conn, server->now);
}

/* Whether a request that failed may be made again; later, if it was for want of memory. */
static bool may_repeat(struct client *client, int result)
{
	if (result == -ENOMEM || result == -ENOBUFS)
		client->conn.resting = true; /* the pool's clock wakes it */
	return result == -ENOMEM || result == -ENOBUFS || result == -EINTR || result == -ECANCELED;
}

static void give_back(struct server *server, unsigned number)
{
	io_uring_buf_ring_add(server->buffers, server->memory + (size_t)number * BUFFER_SIZE, BUFFER_SIZE,
			      (unsigned short)number, io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(server->buffers, 1);
}

/* Takes the bytes out of the buffer and gives it back at once. False: the end of this connection. */
static bool on_received(struct server *server, struct client *client, const struct io_uring_cqe *cqe)
{
	unsigned number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	bool fine = true;

	if (cqe->flags & IORING_CQE_F_BUFFER) {
		if (cqe->res > 0 && !client->conn.doomed)
			fine =
			    take_in(client, server->memory + (size_t)number * BUFFER_SIZE, (size_t)cqe->res);
		give_back(server, number);
	}
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		client->receiving = client->cancelling = false;
		client->conn.held--;
	}
	client->conn.moved |= cqe->res >= 0;
	client->eof |= cqe->res == 0;
	/* No buffer was left: those of this batch are back before the receive is armed again. */
	return fine && (cqe->res >= 0 || cqe->res == -ENOBUFS || may_repeat(client, cqe->res));
}

static bool on_sent(struct client *client, int result)
{
	client->sending = false;
	client->conn.held--;
	if (result < 0)
		return may_repeat(client, result);
	client->conn.moved = true;
	session_sent(&client->conn.session, (size_t)result); /* what was not sent is still its output */
	return true;
}

static void on_client(struct server *server, struct client *client, const struct io_uring_cqe *cqe,
		      enum op op)
{
	bool fine = true;

	if (op == OP_RECEIVE)
		fine = on_received(server, client, cqe);
	else if (op == OP_SEND)
		fine = on_sent(client, cqe->res);
	else
		client->conn.held--; /* the cancelling itself: what was cancelled completes on its own */
	if (client->conn.doomed)
		return;
	if (fine)
		serve(server, client);
	else
		pool_doom(&server->pool, &client->conn);
}

static void admit(struct server *server, int fd)
{
	struct client *client = (struct client *)pool_add(&server->pool, fd, server->now);

	if (!client)
		return;
	client->receiving = client->sending = client->cancelling = client->eof = false;
	client->kept = NULL;
	client->kept_size = 0;
	serve(server, client);
}

static void on_accept(struct server *server, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		server->accepting = false; /* settle arms it again, when it may */
	if (server->stopping) {
		if (cqe->res >= 0)
			close(cqe->res);
		if (!server->accepting)
			close(server->listener);
		return;
	}
	server->failures = cqe->res >= 0 ? 0 : server->failures + 1;
	if (cqe->res >= 0)
		admit(server, cqe->res);
	else if (accept_failed(-cqe->res) == ACCEPT_LATER || server->failures >= ACCEPT_ERRORS)
		server->accept_at = server->now + ACCEPT_PAUSE;
}

/* No more connections: the listener is closed when its accept is over. */
static void on_signal(struct server *server)
{
	struct io_uring_sqe *sqe;

	server->stopping = true;
	server->stop_at = server->now + STOP_PATIENCE;
	pool_stop(&server->pool);
	if (!server->accepting) {
		close(server->listener);
		return;
	}
	sqe = request(server, NULL);
	io_uring_prep_cancel64(sqe, OP_ACCEPT, 0);
	name(sqe, NULL, OP_CANCEL);
}

static void dispatch(struct server *server, const struct io_uring_cqe *cqe)
{
	uint64_t data = io_uring_cqe_get_data64(cqe);
	enum op op = data & OP_BITS;
	struct client *client = (struct client *)(uintptr_t)(data & ~(uint64_t)OP_BITS);

	if (client)
		on_client(server, client, cqe, op);
	else if (op == OP_ACCEPT)
		on_accept(server, cqe);
	else if (op == OP_SIGNAL)
		on_signal(server);
}

static int until(uint64_t now, uint64_t when)
{
	return when > now ? (int)(when - now) : 0;
}

static int patience(const struct server *server)
{
	int timeout = pool_patience(&server->pool, server->now);

	if (!server->accepting && !server->stopping &&
	    (timeout < 0 || until(server->now, server->accept_at) < timeout))
		timeout = until(server->now, server->accept_at);
	if (server->stopping && (timeout < 0 || until(server->now, server->stop_at) < timeout))
		timeout = until(server->now, server->stop_at);
	return timeout;
}

/* Takes back what is in flight for the connections that are to be closed. */
static void let_go(struct server *server)
{
	struct conn *conn;

	TAILQ_FOREACH(conn, &server->pool.doomed, timed)
	{
		struct client *client = (struct client *)conn;

		free(client->kept);
		client->kept = NULL;
		if ((client->receiving || client->sending) && !client->conn.own &&
		    ring_room(&server->ring, ROOM)) {
			cancel_all(server, client);
			client->conn.own = 1; /* told */
		}
	}
}

/* What is done between two batches: time, closing, and accepting again. */
static void settle(struct server *server)
{
	struct conn *conn;

	while (ring_room(&server->ring, ROOM) && (conn = pool_expired(&server->pool, server->now)))
		serve(server, (struct client *)conn);
	let_go(server);
	if (pool_reap(&server->pool) > 0)
		server->accept_at = server->now; /* fds came free */
	if (!server->accepting && !server->stopping && server->accept_at <= server->now &&
	    ring_room(&server->ring, ROOM))
		accept_more(server);
}

static int run(struct server *server)
{
	while (!server->stopping || (server->pool.count > 0 && server->now < server->stop_at)) {
		int error = ring_wait(&server->ring, patience(server));
		struct io_uring_cqe *cqe;

		if (error < 0)
			return error;
		server->now = clock_ms();
		while (ring_room(&server->ring, ROOM) && io_uring_peek_cqe(&server->ring, &cqe) == 0) {
			dispatch(server, cqe);
			io_uring_cqe_seen(&server->ring, cqe);
		}
		settle(server);
	}
	return 0;
}

/* The buffers that receives take from, all in one piece: their ring first, then their memory. */
static int open_buffers(struct server *server)
{
	size_t ring_size = BUFFERS * sizeof(struct io_uring_buf), page = (size_t)sysconf(_SC_PAGESIZE);
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS, .bgid = 0};
	void *memory;

	ring_size = (ring_size + page - 1) / page * page;
	if (posix_memalign(&memory, page, ring_size + (size_t)BUFFERS * BUFFER_SIZE) != 0)
		return -ENOMEM;
	server->buffers = memory;
	server->memory = (char *)memory + ring_size;
	io_uring_buf_ring_init(server->buffers);
	reg.ring_addr = (uintptr_t)memory;
	for (unsigned i = 0; i < BUFFERS; i++)
		give_back(server, i);
	return io_uring_register_buf_ring(&server->ring, &reg, 0);
}

static int open_signals(struct server *server)
{
	struct io_uring_sqe *sqe;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	server->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (server->signals < 0)
		return -errno;
	sqe = request(server, NULL);
	io_uring_prep_poll_add(sqe, server->signals, POLLIN);
	name(sqe, NULL, OP_SIGNAL);
	return 0;
}

static int open_server(struct server *server, const struct options *options)
{
	int error = open_buffers(server);

	if (error == 0)
		error = open_signals(server);
	if (error < 0)
		return error;
	server->listener = listener_open(options->port, options->backlog);
	/* Blocking, as all sockets here: the ring waits for us, where O_NONBLOCK would complete with EAGAIN.
	 */
	if (server->listener < 0 || fcntl(server->listener, F_SETFL, 0) < 0)
		return server->listener < 0 ? server->listener : -errno;
	listener_tune(server->listener);
	server->now = clock_ms();
	pool_init(&server->pool, options->speaks);
	server->pool.conn_size = sizeof(struct client);
	accept_more(server);
	return listener_announce(server->listener);
}

static void close_server(struct server *server)
{
	struct conn *conn;

	io_uring_queue_exit(&server->ring); /* takes what is in flight with it, so that closing closes */
	for (unsigned i = 0; i < POOL_QUEUES; i++)
		while ((conn = TAILQ_FIRST(&server->pool.timed[i])))
			pool_doom(&server->pool, conn);
	TAILQ_FOREACH(conn, &server->pool.doomed, timed)
	free(((struct client *)conn)->kept);
	pool_clear(&server->pool);
	free(server->buffers);
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
		fprintf(stderr, "uring: %s%s\n", refused ? "no io_uring here: " : "", strerror(-error));
		return refused ? RING_REFUSED : 1;
	}
	close_server(&server);
	return 0;
}
