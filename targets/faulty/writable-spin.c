/* SPDX-License-Identifier: MIT */
/*
 * When a write takes less than was offered, OUT is armed for the rest, and rightly so. When the output is
 * gone it is forgotten there. A socket with nothing to send is writable nearly always, so from then on the
 * loop never sleeps again.
 *
 * mistake: EPOLLOUT is armed when a write is not whole, and never taken back
 * seen: pelikan #116, pikiwidb #251, redis 78c162355
 * shown by: greedy-peer, short-writes, short-writes (echo), stall-mid-response (echo)
 * also: none
 */
#include "common/loop.h"

/* THE MISTAKE: whoever once had to wait for OUT has it armed for good. */
static uint32_t interest(const struct conn *conn)
{
	return loop_interest(conn) | (conn->armed & EPOLLOUT);
}

/* One write for each event: what it leaves is for the next OUT. */
static enum turn write_once(struct conn *conn)
{
	if (!session_speaks(&conn->session) || conn->resting)
		return TURN_WAIT;
	if (!conn_heed(conn, conn_send(conn), &conn->writable))
		return TURN_OVER;
	return conn_turn(conn);
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	conn->readable |= (events & EPOLLIN) != 0;
	conn->writable = false; /* writing is done here */
	turn = conn_turn(conn);
	if (turn != TURN_OVER)
		turn = write_once(conn);
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event, .interest = interest};

	return loop_main(argc, argv, &hooks);
}
