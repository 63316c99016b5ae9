/* SPDX-License-Identifier: MIT */
/* What is in a slot of a ring (a direct descriptor), as the kernel lists it: nobody can borrow it. */
#ifndef WRINGER_WATCH_SLOT_H
#define WRINGER_WATCH_SLOT_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * The address of the peer of the TCP connection in that slot of a process's ring: its size, 0 when it cannot
 * be told (no connection is there, it is over already, or the ring is just being worked on). It reads two
 * files of /proc, one of them a row for each connection of the machine: dear, but direct descriptors are
 * rare.
 */
uint32_t slot_peer(pid_t pid, int ring, int32_t slot, struct sockaddr_storage *ret_address);

#endif
