/* SPDX-License-Identifier: MIT */
/*
 * mistake: the multishot accept is armed once. When fds run out it ends with EMFILE and without
 *          IORING_CQE_F_MORE, and nobody is accepted ever after.
 * shown by: fd-exhaustion
 * also: unserved, no-recovery
 */
#include "common/ring_loop.h"

static void accepted(struct ring_loop *loop, int result, bool more)
{
	(void)more;
	if (result >= 0)
		ring_loop_take(loop, result);
}

int main(int argc, char **argv)
{
	static const struct ring_hooks hooks = {.accepted = accepted};

	return ring_loop_main(argc, argv, &hooks);
}
