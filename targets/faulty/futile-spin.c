/* SPDX-License-Identifier: MIT */
/*
 * One thing at a time: what is owed is sent first, and only then is the peer listened to again. A send that
 * fails is tried again when the socket is writable, whatever it failed with. After a reset it fails with
 * EPIPE, and the socket is "writable" for ever: thousands of sends a second, each as futile as the last. (To a
 * peer that reads as fast as it asks it goes on sending, too.)
 *
 * mistake: every error of send is taken for EAGAIN
 * seen: haproxy 95fad5ba4, bun PR #37928
 * shown by: rst-mid-response, fin-mid-response
 * also: reset-leak, fin-leak, no-recovery, fd-growth, starvation
 */
#include "common/loop.h"

static uint32_t interest(const struct conn *conn)
{
	return session_speaks(&conn->session) ? EPOLLOUT : loop_interest(conn);
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	while (session_speaks(&conn->session)) {
		if (conn_send(conn) < 0) {
			/* THE MISTAKE: EPOLLOUT will tell when it is worth trying again. */
			conn->writable = false;
			loop_done(loop, conn, TURN_WAIT);
			return;
		}
	}
	loop_event(loop, conn, events);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event, .interest = interest};

	return loop_main(argc, argv, &hooks);
}
