/* SPDX-License-Identifier: MIT */
/* Asking the target's own socket, through a copy of its fd that is held for a moment. */
#ifndef WRINGER_WATCH_BORROW_H
#define WRINGER_WATCH_BORROW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The address of the peer, or of the socket itself. Its size, 0 when it cannot be told. */
uint32_t borrow_address(int pidfd, int fd, bool peer, struct sockaddr_storage *ret_address);

#endif
