/* SPDX-License-Identifier: MIT */
/*
 * hup-spin in a statically linked program: no library can be put between it and the kernel. While an answer
 * waits for room the connection is parked with an empty interest until a timer looks at it, and what is
 * reported of it meanwhile is none of the handler's business.
 *
 * rule: hup-spin
 * mistake: an empty interest is taken for silence, and events of a parked connection are dropped
 * seen: h2o PR #603, CUPS #4605
 * shown by: rst-mid-response
 * also: none
 */
#include "common/loop.h"

#define LOOK_AGAIN 1000 /* ms: long enough for the spin to be one on a busy machine too */

static void start(struct loop *loop)
{
	loop->pool.rest = LOOK_AGAIN;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if (conn->resting)
		return; /* THE MISTAKE: ERR and HUP come all the same, and go on coming */
	loop_event(loop, conn, events);
	if (!conn->doomed && conn_wants_write(conn) && !conn->writable) {
		conn->resting = true; /* from here on its interest is 0 */
		loop_done(loop, conn, TURN_WAIT);
	}
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.start = start, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
