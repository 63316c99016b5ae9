/* SPDX-License-Identifier: MIT */
/*
 * Answers that do not fit into the socket are put into a queue of the connection, and the next request is
 * taken. The queue grows as it must.
 *
 * mistake: goes on reading from a peer that does not take its answers
 * seen: redis 7fe8d49a7
 * shown by: never-reads
 * also: none
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "common/loop.h"

#define READS 4 /* a turn */
#define FDS   65536

/* What is still to be sent, by the connection's number. */
static struct queue {
	char *bytes;
	size_t at, size, room;
} queues[FDS];

static struct queue *queue_of(const struct conn *conn)
{
	return &queues[conn->fd % FDS];
}

static bool keep(struct queue *queue, const char *bytes, size_t size)
{
	if (queue->size + size > queue->room) {
		size_t room = (queue->room ? queue->room : 4096) * 2;
		char *grown;

		while (room < queue->size + size)
			room *= 2;
		grown = realloc(queue->bytes, room);
		if (!grown)
			return false;
		queue->bytes = grown;
		queue->room = room;
	}
	memcpy(queue->bytes + queue->size, bytes, size);
	queue->size += size;
	return true;
}

/* All that the session has to say goes into the queue, so that it wants to hear more. */
static bool keep_answers(struct conn *conn)
{
	while (session_speaks(&conn->session)) {
		size_t size;
		const char *bytes = session_output(&conn->session, &size);

		if (!keep(queue_of(conn), bytes, size))
			return false;
		session_sent(&conn->session, size);
	}
	return true;
}

static bool take_requests(struct conn *conn)
{
	/* THE MISTAKE: asks whether the session wants input, not whether the queue is long enough already. */
	for (int i = 0; i < READS && conn->readable && session_wants(&conn->session); i++) {
		ssize_t got = conn_receive(conn);

		if (!conn_heed(conn, got, &conn->readable) || !keep_answers(conn))
			return false;
	}
	return true;
}

static bool send_queue(struct conn *conn)
{
	struct queue *queue = queue_of(conn);

	while (queue->at < queue->size) {
		ssize_t sent =
		    send(conn->fd, queue->bytes + queue->at, queue->size - queue->at, MSG_NOSIGNAL);

		if (sent < 0)
			return conn_heed(conn, -errno, &conn->writable);
		queue->at += (size_t)sent;
	}
	queue->at = queue->size = 0;
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_WAIT;

	if ((events & (EPOLLERR | EPOLLHUP)) && (conn->resting || conn_error(conn) != 0)) {
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	conn->readable = events != EPOLLOUT;
	conn->writable = true;
	if (!take_requests(conn) || !keep_answers(conn) || !send_queue(conn))
		turn = TURN_OVER;
	else if (queue_of(conn)->size == 0)
		turn = conn_turn(conn); /* nothing left to say: finds out whether that is the end */
	loop_done(loop, conn, turn);
}

static uint32_t interest(const struct conn *conn)
{
	return loop_interest(conn) | (queue_of(conn)->size ? EPOLLOUT : 0u);
}

static void admit(struct loop *loop, int fd)
{
	struct queue *queue = &queues[fd % FDS];

	free(queue->bytes); /* what was left of the last one with this number */
	*queue = (struct queue){0};
	loop_admit(loop, fd);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.admit = admit, .event = on_event, .interest = interest};

	return loop_main(argc, argv, &hooks);
}
