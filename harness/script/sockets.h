/* SPDX-License-Identifier: MIT */
/*
 * Connections as the kernel lists them (/proc/net/tcp and tcp6, both ends of a loopback connection): what
 * there is to know about the target's end where its calls are not seen (--watch none, io_uring).
 */
#ifndef WRINGER_SCRIPT_SOCKETS_H
#define WRINGER_SCRIPT_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

struct socket_row {
	uint64_t unsent; /* written and not acknowledged by the other end */
	uint64_t unread; /* received, not read */
	bool owned;	 /* a process holds it: accepted, and not closed yet */
};

/* The end with that local and remote port. 0, -ENOENT when there is none (left), or the errno of reading the
 * list. */
int socket_find(uint16_t local, uint16_t remote, struct socket_row *ret_row);
/* One line of the list; false for others than that end's. For tests. */
bool socket_parse(const char *line, uint16_t local, uint16_t remote, struct socket_row *ret_row);

#endif
