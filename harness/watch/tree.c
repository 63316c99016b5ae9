/* SPDX-License-Identifier: MIT */
#include "watch/tree.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define LOOKS 16

/* Children are listed for each thread of the parent. */
static size_t add_children(const char *tid, pid_t parent, pid_t *pids, size_t size)
{
	char path[320];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/task/%s/children", parent, tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (count < size && fscanf(file, "%d", &pids[count]) == 1)
		count++;
	fclose(file);
	return count;
}

static size_t add_all(pid_t parent, pid_t *pids, size_t size)
{
	char path[40];
	struct dirent *entry;
	size_t count = 0;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", parent);
	tasks = opendir(path);
	if (!tasks)
		return 0;
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			count += add_children(entry->d_name, parent, pids + count, size - count);
	closedir(tasks);
	return count;
}

static size_t walk(pid_t root, pid_t *pids, size_t size)
{
	size_t count = add_all(root, pids, size);

	for (size_t i = 0; i < count; i++)
		count += add_all(pids[i], pids + count, size - count);
	return count;
}

/* The kernel's lists skip a child while others come or go: two looks that agree are believed. */
size_t tree_below(pid_t root, pid_t *pids, size_t size)
{
	pid_t again[TREE_MAX];
	size_t count, second;

	if (size > TREE_MAX)
		size = TREE_MAX;
	count = walk(root, pids, size);
	for (int look = 0; look < LOOKS; look++) {
		second = walk(root, again, size);
		if (second == count && !memcmp(pids, again, count * sizeof *pids))
			break;
		memcpy(pids, again, second * sizeof *pids);
		count = second;
	}
	return count;
}
