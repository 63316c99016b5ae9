/* SPDX-License-Identifier: MIT */
/*
 * When there is no descriptor left for a connection that waits, that is worth a line in the log. The loop
 * comes by some thousand times a second, and each time it writes one.
 *
 * mistake: logs every failure of a call that is repeated without a pause
 * seen: HHVM #119
 * shown by: fd-exhaustion, fd-exhaustion-recovery
 * also: accept-spin
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/listener.h"
#include "common/loop.h"

static void on_listener(struct loop *loop)
{
	int fd;

	switch (listener_accept(loop->listener, &fd)) {
	case ACCEPT_GOT:
		loop_admit(loop, fd);
		break;
	case ACCEPT_NEXT:
	case ACCEPT_NONE:
		break;
	case ACCEPT_LATER:
		/* THE MISTAKE: it did not say so a moment ago only. */
		fprintf(
		    stderr,
		    "[warning] worker 0: accept on listener %d failed: %s; %zu connections are open, %zu of "
		    "them wait for their turn; the connection stays in the queue and will be tried again; "
		    "raise the limit of open files (ulimit -n) if this happens often\n",
		    loop->listener, strerror(errno), loop->pool.count, loop->pool.queued);
		fprintf(stderr,
			"[debug] worker 0: turn of the loop over: epoll %d, listener %d, signals %d, "
			"connections %zu, "
			"queued %zu, limit of open files reached, nothing accepted, back to the wait, and "
			"from there "
			"here again, for the listener is ready as long as somebody waits in its queue\n",
			loop->epoll, loop->listener, loop->signals, loop->pool.count, loop->pool.queued);
		break;
	}
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
