/* SPDX-License-Identifier: MIT */
/* A folder of a test's own, and text files in it. */
#ifndef WRINGER_TEST_SCRIPT_FILES_H
#define WRINGER_TEST_SCRIPT_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <dirent.h>

static char files_folder[] = "/tmp/wringer-test-XXXXXX";

static inline const char *files_path(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", files_folder, name);
	return path;
}

static inline int files_make(void)
{
	return mkdtemp(files_folder) ? 0 : -1;
}

static inline const char *files_write(const char *name, const char *text)
{
	const char *path = files_path(name);
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
	return path;
}

static inline void files_remove(const char *name)
{
	if (remove(files_path(name)) != 0)
		abort();
}

#endif
