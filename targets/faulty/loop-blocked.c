/* SPDX-License-Identifier: MIT */
/*
 * The accepted sockets are left blocking (accept does not hand O_NONBLOCK on), and a request is read like a
 * file: until it is whole. A client that stops in the middle of one, or does not read its answer, stops the
 * loop, and everybody else with it.
 *
 * mistake: blocking reads and writes in the event loop
 * seen: wherever the textbooks' readn() is called from an event loop
 * shown by: stall-mid-response
 * also: unserved, no-recovery, fin-leak
 */
#include <fcntl.h>
#include "common/loop.h"

/* False: the connection is lost. */
static bool read_whole(struct conn *conn)
{
	do {
		ssize_t got = conn_receive(conn); /* THE MISTAKE: this sleeps, and so does every send */

		if (!conn_heed(conn, got, &conn->readable))
			return false;
	} while (session_phase(&conn->session) == PHASE_HEAD && !conn->session.eof);
	return true;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) || !session_wants(&conn->session)) {
		loop_event(loop, conn, events);
		return;
	}
	conn->writable |= (events & EPOLLOUT) != 0;
	if ((events & EPOLLIN) && !read_whole(conn)) {
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	conn->readable = false; /* not to read again before it is reported again */
	loop_serve(loop, conn);
}

static void admit(struct loop *loop, int fd)
{
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	loop_admit(loop, fd);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event, .admit = admit};

	return loop_main(argc, argv, &hooks);
}
