/* SPDX-License-Identifier: MIT */
#include "watch/slot.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/tcp_table.h"

/* In the ring's fdinfo, behind "UserFiles:", a line "    3: socket:[4711]" for each slot that is filled. */
static uint64_t socket_in(pid_t pid, int ring, int32_t slot)
{
	char path[64], *line = NULL;
	unsigned long long inode;
	uint64_t found = 0;
	bool files = false;
	size_t size = 0;
	FILE *info;
	int number;

	(void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, ring);
	info = fopen(path, "re");
	if (!info)
		return 0;
	while (!found && getline(&line, &size, info) > 0) {
		if (line[0] != ' ')
			files = sscanf(line, "UserFiles: %d", &number) == 1;
		else if (files && sscanf(line, " %d: socket:[%llu]", &number, &inode) == 2 && number == slot)
			found = inode;
	}
	free(line);
	(void)fclose(info);
	return found;
}

struct sought {
	uint64_t inode;
	struct sockaddr_storage *address;
	uint32_t size;
};

static int is_it(void *arg, const struct tcp_row *row)
{
	struct sought *sought = arg;

	if (row->inode != sought->inode)
		return 0;
	*sought->address = row->remote;
	sought->size = tcp_row_size(&row->remote);
	return 1;
}

uint32_t slot_peer(pid_t pid, int ring, int32_t slot, struct sockaddr_storage *ret_address)
{
	struct sought sought = {.inode = socket_in(pid, ring, slot), .address = ret_address};

	if (sought.inode)
		(void)tcp_table_each(pid, is_it, &sought);
	return sought.size;
}
