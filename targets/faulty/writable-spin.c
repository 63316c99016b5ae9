/* SPDX-License-Identifier: MIT */
/*
 * When a write blocks, OUT is armed, and rightly so. When the output is gone it is forgotten there. A socket
 * with nothing to send is writable nearly always, so from the first slow reader on the loop never sleeps
 * again.
 *
 * mistake: EPOLLOUT is armed after EAGAIN, and never taken back
 * seen: pelikan #116, pikiwidb #251, redis 78c162355
 * shown by: stall-mid-response, slow-read
 * also: none
 */
#include "common/loop.h"

/* THE MISTAKE: whoever once had to wait for OUT has it armed for good. */
static uint32_t interest(const struct conn *conn)
{
	return loop_interest(conn) | (conn->armed & EPOLLOUT);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.interest = interest};

	return loop_main(argc, argv, &hooks);
}
