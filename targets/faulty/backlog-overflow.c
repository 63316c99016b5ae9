/* SPDX-License-Identifier: MIT */
/*
 * The listener is opened with the backlog from the options. Later, when everything else is ready, "listening
 * begins": a second call, with a number from an example.
 *
 * mistake: listen() is called twice, and the last backlog is the one that counts
 * seen: a habit carried over from the years when a backlog of 5 was the most
 * shown by: backlog-burst
 * also: none
 */
#include <sys/socket.h>
#include "common/loop.h"

static void start(struct loop *loop)
{
	listen(loop->listener, 5); /* THE MISTAKE */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.start = start};

	return loop_main(argc, argv, &hooks);
}
