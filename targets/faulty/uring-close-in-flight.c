/* SPDX-License-Identifier: MIT */
/*
 * mistake: a multishot poll beside the receive is to tell early that the peer is gone; a connection is closed
 *          without cancelling it, so the poll holds the socket, no FIN is sent, and the peer waits for ever.
 * seen: liburing #932
 * shown by: half-close-idle, half-close-keepalive
 * also: close-ineffective
 */
#include <poll.h>
#include "common/ring_loop.h"

static void admit(struct ring_loop *loop, struct client *client)
{
	struct io_uring_sqe *sqe = ring_next(&loop->ring);

	io_uring_prep_poll_multishot(sqe, client->conn.fd, POLLRDHUP);
	io_uring_sqe_set_data64(sqe,
				RING_LOOP_NOBODY); /* it only has to wake us: the receive says the rest */
	ring_loop_admit(loop, client);
}

int main(int argc, char **argv)
{
	static const struct ring_hooks hooks = {.admit = admit};

	return ring_loop_main(argc, argv, &hooks);
}
