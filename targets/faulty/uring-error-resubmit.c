/* SPDX-License-Identifier: MIT */
/*
 * Every receive that completes is followed by the next one. After the end of the stream, or a reset, each
 * completes at once with 0, so the loop submits and reaps without a pause.
 *
 * mistake: a receive is submitted again whatever the result of the last one was
 * seen: zion #87
 * shown by: fin-idle, rst-idle, fin-keepalive
 * also: fin-leak, reset-leak, busy-poll, no-recovery
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
