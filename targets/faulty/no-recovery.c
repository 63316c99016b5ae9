/* SPDX-License-Identifier: MIT */
/*
 * Out of fds: so as not to spin, the listener is taken out of the set. It would have to be put back when fds
 * come free, and that is in another function, which nobody wrote. The server looks alive, serves whom it has,
 * and never accepts again.
 *
 * mistake: after EMFILE the listener is taken out of the set for good
 * seen: memcached a0e4a7563
 * shown by: fd-exhaustion-recovery, fd-exhaustion-injected, accept-errors
 * also: listener-gone, unserved
 */
#include "common/listener.h"
#include "common/loop.h"

static void on_listener(struct loop *loop)
{
	enum accept_result result;
	int fd;

	do {
		result = listener_accept(loop->listener, &fd);
		if (result == ACCEPT_GOT)
			loop_admit(loop, fd);
	} while (result == ACCEPT_GOT || result == ACCEPT_NEXT);
	if (result == ACCEPT_LATER)
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL); /* THE MISTAKE: until when? */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = on_listener};

	return loop_main(argc, argv, &hooks);
}
