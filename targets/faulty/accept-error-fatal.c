/* SPDX-License-Identifier: MIT */
/*
 * accept may fail with a dozen errnos that are about one connection, or about this moment. All of them are
 * met by leaving: a client that gave up too early, or one connection too many, ends the service.
 *
 * mistake: a passing error of accept ends the process
 * seen: gRPC #29308, deno #10148, hickory-dns #3725, tiny-http #283
 * shown by: accept-errors, fd-exhaustion, fd-exhaustion-injected
 * also: unserved, no-recovery
 */
#include <err.h>
#include <errno.h>
#include "common/listener.h"
#include "common/loop.h"

static void on_listener(struct loop *loop)
{
	for (;;) {
		int fd;
		enum accept_result result = listener_accept(loop->listener, &fd);

		if (result == ACCEPT_NONE)
			return;
		if (result == ACCEPT_GOT)
			loop_admit(loop, fd);
		else if (errno != EINTR)
			err(1, "accept"); /* THE MISTAKE */
	}
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
