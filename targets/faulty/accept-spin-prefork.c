/* SPDX-License-Identifier: MIT */
/*
 * accept-spin in a pre-forked server: the workers share the listener, each has its own limit and its own
 * loop. A worker without fds is woken for every connection that its neighbours have not taken yet.
 *
 * rule: accept-spin
 * mistake: a failed accept of any kind is left to the next event, with the listener still armed
 * seen: nginx 0e3b423dc, twisted #5368
 * shown by: fd-exhaustion, fd-exhaustion-recovery, fd-exhaustion-injected
 * also: none
 */
#include "common/crew.h"
#include "common/listener.h"

static void on_listener(struct loop *loop)
{
	int fd;

	while (listener_accept(loop->listener, &fd) == ACCEPT_GOT)
		loop_admit(loop, fd);
	/* THE MISTAKE: nothing here asks why it failed. */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.accept = on_listener};

	return crew_main_forked(argc, argv, &hooks);
}
