/* SPDX-License-Identifier: MIT */
/*
 * A connection that cannot be written to is left alone for a moment: its interest is empty, and a timer will
 * look at it again. When its peer resets meanwhile, epoll reports ERR and HUP, which nobody asked for and
 * nobody can switch off. The handler knows only IN and OUT, so the loop turns at full speed until the timer
 * comes.
 *
 * mistake: an empty interest is taken for silence, and ERR and HUP for somebody else's business
 * seen: h2o PR #603, CUPS #4605, redpanda seastar PR #65
 * shown by: rst-mid-response
 * also: none
 */
#include "common/loop.h"

#define LOOK_AGAIN 500 /* ms */

static void start(struct loop *loop)
{
	loop->pool.rest = LOOK_AGAIN;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	/* THE MISTAKE: nothing here is for EPOLLERR and EPOLLHUP. */
	conn->readable |= (events & EPOLLIN) != 0;
	conn->writable |= (events & EPOLLOUT) != 0;
	turn = conn_turn(conn);
	if (conn_wants_write(conn) && !conn->writable)
		conn->resting = true; /* from here on its interest is 0 */
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.start = start, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
