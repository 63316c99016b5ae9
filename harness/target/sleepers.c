/* SPDX-License-Identifier: MIT */
#include "target/sleepers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/map.h"

#define KEPT_MOST 64 /* descriptors; a server has few threads, or so many that nobody asks often */

struct sleepers {
	struct map kept; /* tid -> struct kept */
};

/* /proc/PID/task/TID/stat, open: reading it again takes a third of finding it again. */
struct kept {
	int fd;
};

struct sleepers *sleepers_new(void)
{
	return calloc(1, sizeof(struct sleepers));
}

static int open_stat(pid_t pid, pid_t tid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool is_gone(int code)
{
	return code == -ENOENT || code == -ESRCH;
}

/* 'S' … as proc(5) has it; 'X': gone; 0: it cannot be told. */
static char state_of(int fd)
{
	char text[256], *at;
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return got < 0 && is_gone(-errno) ? 'X' : 0;
	text[got] = '\0';
	/* the name may contain anything, so the last bracket counts */
	at = strrchr(text, ')');
	return at && at[1] == ' ' ? at[2] : 0;
}

static void keep(struct sleepers *sleepers, pid_t tid, int fd)
{
	struct kept *kept = sleepers->kept.live < KEPT_MOST ? calloc(1, sizeof(*kept)) : NULL;

	if (kept && map_put(&sleepers->kept, (uint64_t)tid, kept) == 0) {
		kept->fd = fd;
		return;
	}
	free(kept);
	(void)close(fd);
}

static void let_go(struct sleepers *sleepers, pid_t tid)
{
	struct kept *kept = map_remove(&sleepers->kept, (uint64_t)tid);

	if (kept)
		(void)close(kept->fd);
	free(kept);
}

static char ask(struct sleepers *sleepers, pid_t pid, pid_t tid)
{
	struct kept *kept = map_get(&sleepers->kept, (uint64_t)tid);
	char state = kept ? state_of(kept->fd) : 'X';
	int fd;

	if (state != 'X')
		return state;
	/* the number may be another thread's by now */
	let_go(sleepers, tid);
	fd = open_stat(pid, tid);
	if (fd < 0)
		return is_gone(fd) ? 'X' : 0;
	state = state_of(fd);
	keep(sleepers, tid, fd);
	return state;
}

bool sleepers_ask(struct sleepers *sleepers, pid_t pid, pid_t tid)
{
	char state = ask(sleepers, pid, tid);

	return state == 'S' || state == 'X' || state == 'Z';
}

void sleepers_free(struct sleepers *sleepers)
{
	struct kept *kept;
	size_t at = 0;

	if (!sleepers)
		return;
	while ((kept = map_next(&sleepers->kept, &at, NULL)))
		(void)close(kept->fd);
	map_free_all(&sleepers->kept);
	free(sleepers);
}
