/* SPDX-License-Identifier: MIT */
/*
 * What is read goes into a buffer of the reading function's own: a request is taken from it, and when the
 * function returns so is the buffer gone, with whatever stood behind that request. Clients that wait for each
 * answer never notice.
 *
 * mistake: of requests that come together only the first is served
 * seen: cpp-httplib #1271, darkhttpd #7
 * shown by: pipelined-burst
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "common/loop.h"

/* Where the first request in there ends, if it does; else all of it. */
static size_t first_request(const struct session *session, const char *bytes, size_t size)
{
	const char *end = NULL;

	if (session->speaks == SPEAKS_HTTP && session->state == SESSION_HEAD)
		end = memmem(bytes, size, "\r\n\r\n", 4);
	return end ? (size_t)(end - bytes) + 4 : size;
}

/* Bytes, 0 at the end, a negative errno. */
static ssize_t read_request(struct conn *conn)
{
	struct session *session = &conn->session;
	char bytes[FIFO_SIZE];
	size_t size, first;
	char *space = session_space(session, &size);
	ssize_t got = recv(conn->fd, bytes, size, 0);

	if (got <= 0)
		return got < 0 ? -errno : 0;
	first = first_request(session, bytes, (size_t)got);
	memcpy(space, bytes, first);
	session_fed(session, first);
	/* THE MISTAKE: what is not its body is the next request */
	if (session->state == SESSION_BODY && first < (size_t)got) {
		space = session_space(session, &size);
		memcpy(space, bytes + first, (size_t)got - first);
		session_fed(session, (size_t)got - first);
	}
	return got;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if (events & EPOLLIN && !(events & (EPOLLERR | EPOLLHUP)) && session_wants(&conn->session)) {
		ssize_t got = read_request(conn);

		if (got == 0)
			session_eof(&conn->session);
		else if (got < 0 && got != -EAGAIN && got != -EINTR && got != -ENOBUFS && got != -ENOMEM) {
			loop_done(loop, conn, TURN_OVER);
			return;
		}
		conn->moved = true;
	}
	/* The rest is right: but for reading. */
	conn->readable = session_finished(&conn->session);
	conn->writable = true;
	loop_done(loop, conn, conn_turn(conn));
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
