/* SPDX-License-Identifier: MIT */
/*
 * mistake: the accept is armed again at each of its completions, as if it were a single request, although it
 *          is a multishot one and goes on: with each connection there is one more.
 * seen: turboAPI PR #145
 * shown by: churn, fin-idle
 * also: none
 */
#include "common/ring_loop.h"

static void accepted(struct ring_loop *loop, int result, bool more)
{
	ring_loop_accepted(loop, result, more);
	if (loop->accepting && ring_room(&loop->ring, 1))
		ring_loop_accept(loop);
}

int main(int argc, char **argv)
{
	static const struct ring_hooks hooks = {.accepted = accepted};

	return ring_loop_main(argc, argv, &hooks);
}
