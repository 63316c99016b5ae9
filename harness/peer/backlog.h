/* SPDX-License-Identifier: MIT */
/* How full a server's queues of finished handshakes are: who connects faster than they empty loses
 * handshakes, and learns of it a second later. */
#ifndef WRINGER_PEER_BACKLOG_H
#define WRINGER_PEER_BACKLOG_H

#include <stdint.h>
#include <sys/socket.h>

struct backlog;

/* Of all listeners on that port in our network namespace. NULL where the kernel cannot be asked, or there is
 * no memory. */
struct backlog *backlog_new(const struct sockaddr *address);
/* How many more may connect until the fullest of them is half full. NULL: looks at nothing, and lets a few
 * through every millisecond. */
uint32_t backlog_room(struct backlog *backlog);
void backlog_free(struct backlog *backlog);

#endif
