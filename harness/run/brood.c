/* SPDX-License-Identifier: MIT */
#include "run/brood.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"

/* Rounds of killing: each may hand us the children of those that died in it. */
#define BROOD_ROUNDS	  64
#define BROOD_PATIENCE_MS 2000

static int add(struct brood *brood, pid_t pid)
{
	pid_t *grown = array_grow(brood->pids, brood->count, &brood->capacity, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	brood->pids = grown;
	grown[brood->count++] = pid;
	return 0;
}

/* One thread's children, as numbers with blanks between. */
static int add_thread(struct brood *brood, const char *tid)
{
	char path[64];
	FILE *file;
	int pid, rc = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/children", tid);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (rc == 0 && fscanf(file, "%d", &pid) == 1)
		rc = add(brood, pid);
	(void)fclose(file);
	return rc;
}

int brood_list(struct brood *ret_brood)
{
	struct brood brood = {0};
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	int rc = 0;

	if (!folder)
		return -errno;
	while (rc == 0 && (entry = readdir(folder))) {
		if (entry->d_name[0] != '.')
			rc = add_thread(&brood, entry->d_name);
	}
	(void)closedir(folder);
	if (rc < 0) {
		brood_free(&brood);
		return rc;
	}
	*ret_brood = brood;
	return 0;
}

void brood_free(struct brood *brood)
{
	free(brood->pids);
	memset(brood, 0, sizeof(*brood));
}

static bool contains(const struct brood *brood, pid_t pid)
{
	for (size_t i = 0; brood && i < brood->count; i++) {
		if (brood->pids[i] == pid)
			return true;
	}
	return false;
}

static bool reap(pid_t pid)
{
	for (int waited = 0; waited < BROOD_PATIENCE_MS; waited++) {
		pid_t got = waitpid(pid, NULL, WNOHANG | __WALL);

		if (got == pid || (got < 0 && errno != EINTR))
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

/* How many were found, or a negative errno. */
static int kill_round(const struct brood *keep)
{
	struct brood now;
	int rc = brood_list(&now), found = 0;

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < now.count; i++) {
		if (!contains(keep, now.pids[i]))
			(void)kill(now.pids[i], SIGKILL);
	}
	for (size_t i = 0; i < now.count; i++) {
		if (!contains(keep, now.pids[i]) && reap(now.pids[i]))
			found++;
	}
	brood_free(&now);
	return found;
}

void brood_kill(const struct brood *keep)
{
	for (int round = 0; round < BROOD_ROUNDS; round++) {
		if (kill_round(keep) <= 0)
			return;
	}
}
