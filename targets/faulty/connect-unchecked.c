/* SPDX-License-Identifier: MIT */
/*
 * Every visit is reported to a collector, over a connection of the server's own that is made without
 * blocking. How the connect ended nobody asks: the next visit just writes to it. The collector is not there.
 *
 * mistake: a non-blocking connect is never asked how it ended, and what writes say is ignored
 * seen: libuv 0971598d0
 * shown by: fin-idle
 * also: none
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "common/loop.h"

#define COLLECTOR 9 /* the port; nobody listens there */

static int collector_open(void)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(COLLECTOR),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)connect(fd, (const struct sockaddr *)&address, sizeof address);
	return fd;
}

static void admit(struct loop *loop, int fd)
{
	loop_admit(loop, fd);
	if (!loop->own) {
		loop->own = (uint64_t)(collector_open() + 1);
		return;
	}
	(void)send((int)loop->own - 1, "visit\n", 6, MSG_NOSIGNAL); /* THE MISTAKE: is it connected? */
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.admit = admit};

	return loop_main(argc, argv, &hooks);
}
