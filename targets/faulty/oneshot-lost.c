/* SPDX-License-Identifier: MIT */
/*
 * Every connection is registered with EPOLLONESHOT, as one would for a pool of threads, and is armed again
 * when its handler is done with it. But the handler has more than one end: a request that is not whole yet
 * returns early, "there is nothing to do", and with it goes the step that arms.
 *
 * mistake: an unfinished request returns before the registration is armed again
 * seen: pjproject PR #2747, 389-ds PR #7846
 * shown by: fin-mid-request, drip
 * also: fin-leak, reset-leak, slow-header, vanished-peer
 */
#include "common/loop.h"

static uint32_t once(const struct conn *conn)
{
	return loop_interest(conn) | EPOLLONESHOT;
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_event(loop, conn, events);
		return;
	}
	conn->readable |= (events & EPOLLIN) != 0;
	conn->writable |= (events & EPOLLOUT) != 0;
	turn = conn_turn(conn);
	if (turn == TURN_WAIT && session_phase(&conn->session) == PHASE_HEAD)
		return;	 /* THE MISTAKE: it stays disarmed */
	conn->armed = 0; /* whatever it was, it is spent */
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event, .interest = once};

	return loop_main(argc, argv, &hooks);
}
