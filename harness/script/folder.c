/* SPDX-License-Identifier: MIT */
#include "script/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "script/script.h"

static bool is_lua(const char *name)
{
	size_t size = strlen(name);

	return name[0] != '.' && size > 4 && strcmp(name + size - 4, ".lua") == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int folder_add(const char *folder, const char *name, char ***paths, size_t *count, size_t *capacity)
{
	char **grown = array_grow(*paths, *count, capacity, sizeof(**paths));
	char *path = NULL;

	if (!grown)
		return -ENOMEM;
	*paths = grown;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	grown[(*count)++] = path;
	return 0;
}

int folder_list(const char *folder, char ***ret_paths, size_t *ret_count, struct error *error)
{
	DIR *dir = opendir(folder);
	char **paths = NULL;
	size_t count = 0, capacity = 0;
	int code = 0;

	if (!dir)
		return error_set(error, -errno, "%s: %s", folder, strerror(errno));
	for (struct dirent *entry; code == 0 && (entry = readdir(dir));)
		if (is_lua(entry->d_name))
			code = folder_add(folder, entry->d_name, &paths, &count, &capacity);
	(void)closedir(dir);
	if (code < 0) {
		folder_free(paths, count);
		return error_set(error, code, "%s: %s", folder, strerror(-code));
	}
	if (count)
		qsort(paths, count, sizeof(*paths), by_name);
	*ret_paths = paths;
	*ret_count = count;
	return 0;
}

void folder_free(char **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
}

char *folder_stem(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t length = strlen(name);

	if (length > 4 && strcmp(name + length - 4, ".lua") == 0)
		length -= 4;
	(void)snprintf(out, size, "%.*s", (int)length, name);
	return out;
}

char *folder_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (slash)
		(void)snprintf(out, size, "%.*s", (int)(slash > path ? slash - path : 1), path);
	else
		(void)snprintf(out, size, ".");
	return out;
}

/* A binary in build/ of a source tree finds that tree's scenarios, an installed one those of its own prefix,
 * wherever that went. */
static bool beside_binary(char *out, size_t size)
{
	static const char *const ways[] = {"../scenarios", "../../scenarios", "scenarios",
					   "../share/wringer/scenarios"};
	char binary[PATH_MAX], place[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", binary, sizeof(binary) - 1);

	if (length < 0)
		return false;
	binary[length] = '\0';
	folder_of(binary, place, sizeof(place));
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		char way[PATH_MAX + 32];
		(void)snprintf(way, sizeof(way), "%s/%s/protocols", place, ways[i]);
		if (access(way, R_OK | X_OK) != 0)
			continue;
		way[strlen(way) - strlen("/protocols")] = '\0';
		if (strlen(way) < size) {
			(void)snprintf(out, size, "%s", way);
			return true;
		}
	}
	return false;
}

const char *script_folder(void)
{
	static const char installed[] = WRINGER_DATA "/scenarios";
	static char found[PATH_MAX]; /* a cache of a constant of the process, not state */
	const char *named = getenv("WRINGER_DATA");

	if (named && *named) {
		(void)snprintf(found, sizeof(found), "%s/scenarios", named);
		return access(found, R_OK | X_OK) == 0 ? found : named;
	}
	if (beside_binary(found, sizeof(found)))
		return found;
	return access(installed, R_OK | X_OK) == 0 ? installed : NULL;
}
