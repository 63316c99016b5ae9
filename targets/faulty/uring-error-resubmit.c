/* SPDX-License-Identifier: MIT */
/*
 * mistake: every receive that completes is followed by the next one, whatever its result was: after the end
 * or a reset each completes at once with 0. seen: zion #87 shown by: fin-idle, rst-idle, fin-keepalive also:
 * fin-leak, reset-leak, busy-poll
 */
#include "common/ring_loop.h"

static void received(struct ring_loop *loop, struct client *client, int result)
{
	if (result > 0)
		ring_loop_received(loop, client, result);
	else
		ring_loop_receive(loop, client);
}

int main(int argc, char **argv)
{
	static const struct ring_hooks hooks = {.received = received};

	return ring_loop_main(argc, argv, &hooks);
}
