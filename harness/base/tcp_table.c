/* SPDX-License-Identifier: MIT */
#include "base/tcp_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

socklen_t tcp_row_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* "0100007F:1F90", or four such words before the colon: each word is the address as it lies in memory. */
static bool parse_address(const char *text, struct sockaddr_storage *address)
{
	uint32_t words[4];
	unsigned port;

	memset(address, 0, sizeof *address);
	if (sscanf(text, "%8x%8x%8x%8x:%x", &words[0], &words[1], &words[2], &words[3], &port) == 5) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		memcpy(&in6->sin6_addr, words, sizeof words);
		return true;
	}
	if (sscanf(text, "%8x:%x", &words[0], &port) == 2) {
		struct sockaddr_in *in4 = (struct sockaddr_in *)address;

		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		in4->sin_addr.s_addr = words[0];
		return true;
	}
	return false;
}

static bool parse_row(const char *line, struct tcp_row *row)
{
	char local[64], remote[64];
	unsigned long long inode;

	if (sscanf(line, " %*d: %63s %63s %x %*s %*s %*s %*s %*s %llu", local, remote, &row->state, &inode) !=
	    4)
		return false; /* the heading */
	row->inode = inode;
	return parse_address(local, &row->local) && parse_address(remote, &row->remote);
}

static int each(const char *path, int (*see)(void *arg, const struct tcp_row *row), void *arg)
{
	FILE *file = fopen(path, "re");
	struct tcp_row row;
	char *line = NULL;
	size_t size = 0;
	int ret = 0;

	if (!file)
		return 0;
	while (ret == 0 && getline(&line, &size, file) > 0)
		if (parse_row(line, &row))
			ret = see(arg, &row);
	free(line);
	(void)fclose(file);
	return ret;
}

int tcp_table_each(pid_t pid, int (*see)(void *arg, const struct tcp_row *row), void *arg)
{
	char path[64];
	int ret = 0;

	for (int i = 0; i < 2 && ret == 0; i++) {
		if (pid)
			(void)snprintf(path, sizeof path, "/proc/%d/net/tcp%s", pid, i ? "6" : "");
		else
			(void)snprintf(path, sizeof path, "/proc/self/net/tcp%s", i ? "6" : "");
		ret = each(path, see, arg);
	}
	return ret;
}
