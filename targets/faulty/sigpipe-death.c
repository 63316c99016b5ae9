/* SPDX-License-Identifier: MIT */
/*
 * A plain write, and SIGPIPE as every program finds it. The first write after a reset gives ECONNRESET; that
 * is not EAGAIN, but the event loop will say when it is worth another try. The second write kills the
 * process, and everybody's connection.
 *
 * mistake: SIGPIPE is neither ignored nor avoided with MSG_NOSIGNAL, and a failed write is tried again
 * seen: iperf #550, pistache #1007
 * shown by: rst-mid-response, fin-mid-response
 * also: peer-kills-server, unserved, no-recovery
 */
#include <signal.h>
#include <unistd.h>
#include "common/loop.h"

static void start(struct loop *loop)
{
	(void)loop;
	signal(SIGPIPE, SIG_DFL);
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	while (session_speaks(&conn->session)) {
		size_t size;
		const char *bytes = session_output(&conn->session, &size);
		ssize_t sent = write(conn->fd, bytes, size); /* THE MISTAKE */

		if (sent < 0) {
			conn->writable = false;
			loop_done(loop, conn, TURN_WAIT);
			return;
		}
		session_sent(&conn->session, (size_t)sent);
	}
	conn->writable = false;
	loop_event(loop, conn, events & EPOLLIN);
}

/* What was read is answered at the next OUT. */
static uint32_t interest(const struct conn *conn)
{
	return session_speaks(&conn->session) ? EPOLLOUT : loop_interest(conn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.start = start, .event = on_event, .interest = interest};

	return loop_main(argc, argv, &hooks);
}
