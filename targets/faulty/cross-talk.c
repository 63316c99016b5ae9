/* SPDX-License-Identifier: MIT */
/*
 * Output buffers are used again, for they are large. One whose connection ended in an orderly way is empty;
 * one whose connection broke off is not, and the next connection that gets it sends what was meant for
 * another.
 *
 * mistake: a buffer from the free list is taken for an empty one
 * seen: redis-py #2624, Tomcat CVE-2021-25122
 * shown by: fd-reuse, fd-reuse (echo)
 * also: unserved, no-recovery, write-lost
 */
#include "common/listener.h"
#include "common/loop.h"

#define SPARE_MOST 64

static struct fifo spare[SPARE_MOST];
static int spares;

static void put_away(const struct conn *conn)
{
	if (spares < SPARE_MOST)
		spare[spares++] = conn->session.out;
}

static void admit(struct loop *loop, int fd)
{
	loop_admit(loop, fd);
	if (fd < LOOP_NUMBERS && spares > 0)
		loop->numbers[fd]->session.out = spare[--spares]; /* THE MISTAKE: fifo_clear it */
}

/* One at a time, so that everybody gets a turn. */
static void accept_one(struct loop *loop)
{
	int fd;

	if (listener_accept(loop->listener, &fd) == ACCEPT_GOT)
		admit(loop, fd);
	else
		loop_accept(loop);
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn;

	conn->readable = true;
	conn->writable |= (events & EPOLLOUT) != 0;
	turn = conn_turn(conn);
	if (turn == TURN_OVER)
		put_away(conn);
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = accept_one, .admit = admit, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
