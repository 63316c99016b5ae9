/* SPDX-License-Identifier: MIT */
/* Where connections come from: one address has some 28,000 ports towards one server, loopback has many
 * addresses. */
#ifndef WRINGER_PEER_SOURCE_H
#define WRINGER_PEER_SOURCE_H

#include <stdint.h>
#include <sys/socket.h>

#define SOURCE_MOST 250 /* the highest number of an address */

/*
 * Binds to the number-th address beside 127.0.0.1 (0: that itself, which the kernel takes anyway) when `to`
 * is on IPv4 loopback, and leaves the port to connect(), which may then take one that is in use towards
 * somebody else. The journal's peers come from 127.0.0.1: whatever came from elsewhere is taken for none of
 * them, although its port may be one of theirs (model/world_call.c). 0 (also when there is nothing to
 * choose), or a negative errno.
 */
int source_bind(int fd, const struct sockaddr *to, uint32_t number);

#endif
