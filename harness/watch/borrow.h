/* SPDX-License-Identifier: MIT */
/* Asking the target's own socket, through a copy of its fd that is held for a moment. */
#ifndef WRINGER_WATCH_BORROW_H
#define WRINGER_WATCH_BORROW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The address of the peer, or of the socket itself. Its size, 0 when it cannot be told. */
uint32_t borrow_address(int pidfd, int fd, bool peer, struct sockaddr_storage *ret_address);

/*
 * What a TCP socket holds: bytes waiting to be read, and, when there are any, bytes its peer has not
 * acknowledged and its TCP state (tcp(7), SIOCINQ, SIOCOUTQ, TCP_INFO). All 0 when nothing waits or it cannot
 * be told.
 */
void borrow_queues(int pidfd, int fd, uint64_t *ret_unread, uint64_t *ret_unacked, uint64_t *ret_state);
/* Whether the fd is non-blocking; true when it cannot be told. */
bool borrow_nonblocking(int pidfd, int fd);

/* Whether it listens; whether it is a TCP stream. False when that cannot be told. */
bool borrow_listens(int pidfd, int fd);
bool borrow_is_tcp(int pidfd, int fd);

#endif
