/* SPDX-License-Identifier: MIT */
/*
 * Each connection gets a timer, to be dropped after a minute of silence. The connection is closed as it
 * should be; its timer is a descriptor too. One fd for each connection ever made, so the server lives as long
 * as its limit is high.
 *
 * mistake: a timerfd is made for each connection, and closed for none
 * seen: lighttpd eb37615a, nginx ticket #2455
 * shown by: churn
 * also: no-recovery
 */
#include <sys/timerfd.h>
#include "common/loop.h"

#define SILENCE 60 /* s */

static void admit(struct loop *loop, int fd)
{
	struct itimerspec silence = {.it_value.tv_sec = SILENCE};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	/* THE MISTAKE: nobody remembers its number. */
	if (timer >= 0)
		timerfd_settime(timer, 0, &silence, NULL);
	loop_admit(loop, fd);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.admit = admit};

	return loop_main(argc, argv, &hooks);
}
