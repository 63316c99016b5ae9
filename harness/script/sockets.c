/* SPDX-License-Identifier: MIT */
#include "script/sockets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

bool socket_parse(const char *line, uint16_t local, uint16_t remote, struct socket_row *ret_row)
{
	unsigned from, to;
	uint64_t unsent, unread, inode;

	/* sl: local:port remote:port state tx:rx timer:when retransmits uid timeout inode */
	if (sscanf(line,
		   " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %*x %" SCNx64 ":%" SCNx64
		   " %*x:%*x %*x %*u %*u %" SCNu64,
		   &from, &to, &unsent, &unread, &inode) != 5)
		return false;
	if (from != local || to != remote)
		return false;
	*ret_row = (struct socket_row){.unsent = unsent, .unread = unread, .owned = inode != 0};
	return true;
}

static int list_find(const char *list, uint16_t local, uint16_t remote, struct socket_row *ret_row)
{
	char line[512];
	FILE *file = fopen(list, "re");
	int code = -ENOENT;

	if (!file)
		return -errno;
	while (code < 0 && fgets(line, sizeof(line), file))
		if (socket_parse(line, local, remote, ret_row))
			code = 0;
	(void)fclose(file);
	return code;
}

int socket_find(uint16_t local, uint16_t remote, struct socket_row *ret_row)
{
	/* A target that listens on :: has its ends in the second list. "self": the thread's own namespace is
	 * asked. */
	int code = list_find("/proc/thread-self/net/tcp", local, remote, ret_row);

	if (code == -ENOENT && (code = list_find("/proc/thread-self/net/tcp6", local, remote, ret_row)) < 0)
		code = -ENOENT;
	return code;
}
