/* SPDX-License-Identifier: MIT */
/*
 * The peer's FIN is read while an answer waits for room. What fits is still sent, then the connection is
 * closed: the peer, who only said that it has no more to ask, gets the beginning of what it asked for.
 *
 * mistake: after the peer's FIN an answer under way is not waited for
 * seen: nginx's ngx_http_test_reading, which does so on purpose
 * shown by: half-close-mid-response
 * also: write-lost
 */
#include "common/loop.h"

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	loop_event(loop, conn, events);
	/* THE MISTAKE: blocked, and the peer has hung up, so who would read it? */
	if (!conn->doomed && conn->session.eof && !conn->writable)
		loop_done(loop, conn, TURN_OVER);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event};

	return loop_main(argc, argv, &hooks);
}
