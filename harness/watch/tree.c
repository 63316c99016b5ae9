/* SPDX-License-Identifier: MIT */
#include "watch/tree.h"

#include <dirent.h>
#include <stdio.h>

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

size_t tree_below(pid_t root, pid_t *pids, size_t size)
{
	size_t count = add_all(root, pids, size);

	for (size_t i = 0; i < count; i++)
		count += add_all(pids[i], pids + count, size - count);
	return count;
}
