/* SPDX-License-Identifier: MIT */
#include "common/conn.h"

#include <errno.h>
#include <sys/socket.h>

ssize_t conn_receive(struct conn *conn)
{
	size_t size;
	char *space = session_space(&conn->session, &size);
	ssize_t got;

	do
		got = recv(conn->fd, space, size, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (got > 0)
		session_fed(&conn->session, (size_t)got);
	else
		session_eof(&conn->session);
	conn->moved = true;
	return got;
}

ssize_t conn_send(struct conn *conn)
{
	size_t size;
	const char *bytes = session_output(&conn->session, &size);
	ssize_t sent;

	do
		sent = send(conn->fd, bytes, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	session_sent(&conn->session, (size_t)sent);
	conn->moved = true;
	return sent;
}

int conn_error(const struct conn *conn)
{
	int error = 0;
	socklen_t size = sizeof error;

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return errno;
	return error;
}

bool conn_wants_read(const struct conn *conn)
{
	return !conn->resting && session_wants(&conn->session);
}

bool conn_wants_write(const struct conn *conn)
{
	return !conn->resting && session_speaks(&conn->session);
}

bool conn_heed(struct conn *conn, ssize_t result, bool *ready)
{
	if (result >= 0)
		return true;
	*ready = false;
	if (result == -ENOBUFS || result == -ENOMEM) {
		/* It may pass, but readiness will not tell when: the socket looks ready all the while. */
		conn->resting = true;
		return true;
	}
	return result == -EAGAIN;
}

bool conn_linger(struct conn *conn)
{
	if (!session_wants(&conn->session))
		return false;
	if (conn->shut)
		return true;
	conn->shut = true;
	return shutdown(conn->fd, SHUT_WR) == 0;
}

enum turn conn_turn(struct conn *conn)
{
	size_t moved = 0;

	for (;;) {
		bool reads = conn->readable && conn_wants_read(conn);
		bool writes = conn->writable && conn_wants_write(conn);
		ssize_t result;

		if (session_finished(&conn->session) && !conn_linger(conn))
			return TURN_OVER;
		if (!reads && !writes)
			return TURN_WAIT;
		if (moved >= CONN_SHARE)
			return TURN_AGAIN;
		/* Writing first makes room for reading. */
		result = writes ? conn_send(conn) : conn_receive(conn);
		if (!conn_heed(conn, result, writes ? &conn->writable : &conn->readable))
			return TURN_OVER;
		if (result > 0)
			moved += (size_t)result;
	}
}
