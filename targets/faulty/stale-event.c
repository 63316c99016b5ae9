/* SPDX-License-Identifier: MIT */
/*
 * Connections are found by their number, in an array, and closed on the spot. When one ends the others are
 * looked at as well, for clients tend to leave together; those that are gone are closed with it. But their
 * own events stand in the batch already, and in between the listener's: accept hands out the numbers that
 * came free, and the old events are taken for the new connections'.
 *
 * mistake: an fd is closed in the middle of a batch, and the events behind it are matched by number
 * seen: nginx 7f59728d5, haproxy 5012b6c6d, libuv bbccafbe7
 * shown by: fd-reuse, fd-reuse (echo)
 * also: none
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/loop.h"

static bool is_gone(const struct conn *conn)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return false;
	return info.tcpi_state != TCP_ESTABLISHED;
}

static void end(struct loop *loop, struct conn *conn)
{
	close(conn->fd); /* THE MISTAKE: its number comes back with the next accept, while its event still
			    waits */
	loop->numbers[conn->fd] = NULL;
	conn->fd = -1;
	pool_doom(&loop->pool, conn);
}

static void sweep(struct loop *loop)
{
	for (int fd = 0; fd < LOOP_NUMBERS; fd++) {
		struct conn *conn = loop->numbers[fd];

		if (conn && !conn->doomed && is_gone(conn))
			end(loop, conn);
	}
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_OVER;

	if (!(events & (EPOLLERR | EPOLLHUP)) || conn_error(conn) == 0) {
		conn->readable = true;
		conn->writable |= (events & EPOLLOUT) != 0;
		turn = conn_turn(conn);
	}
	if (turn != TURN_OVER) {
		loop_done(loop, conn, turn);
		return;
	}
	end(loop, conn);
	sweep(loop);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.by_number = true, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
