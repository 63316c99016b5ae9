/* SPDX-License-Identifier: MIT */
/*
 * read failed, and an error that nobody thought of is best met by leaving. ECONNRESET is not such an error:
 * any peer can cause it at any time, and here it ends the service for all of them.
 *
 * mistake: the error of one connection ends the process
 * seen: httpcats #3 (ECONNRESET ends the server), tiny-http #283
 * shown by: rst-idle, rst-mid-request, rst-keepalive, rst-storm, close-unread
 * also: unserved, no-recovery
 */
#include <err.h>
#include <errno.h>
#include "common/loop.h"

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if (events & EPOLLIN) {
		ssize_t got = session_wants(&conn->session) ? conn_receive(conn) : 1;

		if (got < 0 && got != -EAGAIN) {
			errno = (int)-got;
			err(1, "read"); /* THE MISTAKE */
		}
	}
	loop_event(loop, conn, events);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
