/* SPDX-License-Identifier: MIT */
/*
 * uring-short-send on direct descriptors: the ring keeps the connections, and the process has no number for
 * them. The small send buffer is the listener's, which what it accepts inherits.
 *
 * mistake: a send that completes is taken to have sent all it was given.
 * rule: uring-short-send
 * shown by: short-writes, stall-mid-response
 * also: unserved
 */
#include <sys/socket.h>
#include "common/ring_loop.h"

static void opened(struct ring_loop *loop)
{
	(void)setsockopt(loop->listener, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int));
}

static void sent(struct ring_loop *loop, struct client *client, int result)
{
	ring_loop_sent(loop, client, result > 0 ? (int)client->offered : result);
}

int main(int argc, char **argv)
{
	static const struct ring_hooks hooks = {.direct = true, .opened = opened, .sent = sent};

	return ring_loop_main(argc, argv, &hooks);
}
