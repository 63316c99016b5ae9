/* SPDX-License-Identifier: MIT */
/*
 * The dynamic loader reads the environment off the stack, where exec has put it as one row of strings. An
 * entry of LD_PRELOAD is overwritten by separators, of which the loader takes any number: no string moves.
 */
#include "watch/withhold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME	     "LD_PRELOAD="
#define ENVIRON_MOST (4u << 20) /* the kernel takes a quarter of the stack for arguments and environment */

/* What there is, NUL behind it; NULL: unreadable. */
static char *read_whole(pid_t tid, const char *name, size_t most, size_t *ret_size)
{
	char path[64], *text = malloc(most + 1);
	size_t size = 0;
	ssize_t got = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", tid, name);
	fd = text ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	while (fd >= 0 && size < most && (got = read(fd, text + size, most - size)) > 0)
		size += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (fd < 0 || got < 0) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	*ret_size = size;
	return text;
}

/* Field 50 of proc(5)'s stat, counted from behind the name, which may hold anything. 0: not told. */
static uint64_t environ_start(pid_t tid)
{
	size_t size;
	char *text = read_whole(tid, "stat", 2048, &size), *at = text ? strrchr(text, ')') : NULL;
	uint64_t start;

	for (int field = 2; at && field < 50; field++)
		at = strchr(at + 1, ' ');
	start = at ? strtoull(at, NULL, 10) : 0;
	free(text);
	return start;
}

/* Where the library stands in the value of LD_PRELOAD, NULL nowhere. */
static char *find(char *environment, size_t size, const char *library)
{
	for (char *at = environment; at < environment + size; at += strlen(at) + 1)
		if (strncmp(at, NAME, strlen(NAME)) == 0)
			return strstr(at + strlen(NAME), library);
	return NULL;
}

static int overwrite(pid_t tid, uint64_t from, char *bytes, size_t size)
{
	struct iovec here = {bytes, size}, there = {(void *)(uintptr_t)from, size};

	memset(bytes, ':', size);
	errno = 0;
	if (process_vm_writev(tid, &here, 1, &there, 1, 0) == (ssize_t)size)
		return 0;
	return errno ? -errno : -EFAULT;
}

int withhold(pid_t tid, const char *library)
{
	uint64_t start = environ_start(tid);
	size_t size;
	char *environment = read_whole(tid, "environ", ENVIRON_MOST, &size), *found;
	int ret = -EACCES;

	if (environment && start) {
		found = find(environment, size, library);
		ret = found ? overwrite(tid, start + (uint64_t)(found - environment), found, strlen(library))
			    : -ENOENT;
	}
	free(environment);
	return ret;
}
