/* SPDX-License-Identifier: MIT */
/* The TCP sockets of a network namespace, as /proc/PID/net/tcp and tcp6 list them (proc(5)). */
#ifndef WRINGER_BASE_TCP_TABLE_H
#define WRINGER_BASE_TCP_TABLE_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define TCP_ROW_LISTEN 0x0a

struct tcp_row {
	struct sockaddr_storage local, remote; /* AF_INET or AF_INET6 */
	unsigned state;			       /* TCP_ESTABLISHED … of netinet/tcp.h */
	uint64_t inode;			       /* 0: no file leads to it any more */
};

/*
 * Every row of the namespace of that process (0: our own), until `see` returns something else than 0: then
 * that. A table that is not there (no IPv6) has no rows.
 */
int tcp_table_each(pid_t pid, int (*see)(void *arg, const struct tcp_row *row), void *arg);
/* Bytes of the sockaddr in it. */
socklen_t tcp_row_size(const struct sockaddr_storage *address);

#endif
