/* SPDX-License-Identifier: MIT */
/*
 * A send of which a part fits into the socket's buffer completes with that part. Buffers are small here, so
 * that it does not take megabytes.
 *
 * mistake: a send that completes is taken to have sent all it was given.
 * shown by: short-writes, stall-mid-response
 * also: unserved
 */
#include <sys/socket.h>
#include "common/ring_loop.h"

static void admit(struct ring_loop *loop, struct client *client)
{
	(void)setsockopt(client->conn.fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int));
	ring_loop_admit(loop, client);
}

static void sent(struct ring_loop *loop, struct client *client, int result)
{
	ring_loop_sent(loop, client, result > 0 ? (int)client->offered : result);
}

int main(int argc, char **argv)
{
	static const struct ring_hooks hooks = {.admit = admit, .sent = sent};

	return ring_loop_main(argc, argv, &hooks);
}
