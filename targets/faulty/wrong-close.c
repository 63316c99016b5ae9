/* SPDX-License-Identifier: MIT */
/*
 * A connection that ends is closed by its handler, and put on a list of things to be cleaned up after the
 * batch. The clean-up closes as well, by number. As long as nobody connects in between that is an EBADF
 * nobody sees; when somebody does, it is somebody else's connection.
 *
 * mistake: a descriptor is closed twice, and between the two accept may give its number to another
 * seen: nginx 7f59728d5
 * shown by: fd-reuse, fd-reuse (echo)
 * also: bad-fd, unserved, deaf-connection
 */
#include <unistd.h>
#include "common/loop.h"

#define LATER_MOST 1024

static int later[LATER_MOST];
static int later_count;

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_OVER;

	if (!(events & (EPOLLERR | EPOLLHUP)) || conn_error(conn) == 0) {
		conn->readable = true;
		conn->writable |= (events & EPOLLOUT) != 0;
		turn = conn_turn(conn);
	}
	if (turn != TURN_OVER || later_count == LATER_MOST) {
		loop_done(loop, conn, turn);
		return;
	}
	close(conn->fd);
	later[later_count++] = conn->fd;
	conn->fd = -1;
	pool_doom(&loop->pool, conn);
}

static int clean_and_wait(struct loop *loop, struct epoll_event *events, int most)
{
	while (later_count > 0)
		close(later[--later_count]); /* THE MISTAKE: it was closed, and the number may be in use again
					      */
	return loop_wait(loop, events, most);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.event = on_event, .wait = clean_and_wait};

	return loop_main(argc, argv, &hooks);
}
