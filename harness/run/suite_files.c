/* SPDX-License-Identifier: MIT */
/* Where cases put their files, and that they are gone afterwards. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "run/suite_impl.h"

#define NAME_TRIES 10000

int folders_open(struct folders *folders, const struct suite_options *options, struct error *error)
{
	const char *base = getenv("TMPDIR");

	memset(folders, 0, sizeof(*folders));
	if (options->keep) {
		if (!realpath(options->keep, folders->root) &&
		    (mkdir(options->keep, 0777) < 0 || !realpath(options->keep, folders->root)))
			return error_set(error, -errno, "%s: %s", options->keep, strerror(errno));
		return 0;
	}
	if (!base || base[0] != '/')
		base = "/tmp";
	if (snprintf(folders->root, sizeof(folders->root), "%s/wringer.XXXXXX", base) >=
	    (int)sizeof(folders->root))
		return error_set(error, -ENAMETOOLONG, "TMPDIR is too long");
	if (!mkdtemp(folders->root))
		return error_set(error, -errno, "%s: %s", folders->root, strerror(errno));
	folders->ours = true;
	return 0;
}

int folders_make(const struct folders *folders, const struct suite_case *item, char *out, size_t size,
		 struct error *error)
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%.64s.%.64s", item->scenario->name, item->options.target_name);
	for (char *at = name; *at; at++)
		*at = *at == '/' || *at == ' ' ? '_' : *at;
	/* rounds, and runs that keep into the same folder, get numbers */
	for (unsigned i = 1; i < NAME_TRIES; i++) {
		int length = i == 1 ? snprintf(out, size, "%s/%s", folders->root, name)
				    : snprintf(out, size, "%s/%s.%u", folders->root, name, i);

		if (length >= (int)size)
			return error_set(error, -ENAMETOOLONG, "%s: too long a path", folders->root);
		if (mkdir(out, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return error_set(error, -errno, "%s: %s", out, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	(void)remove(path);
	return 0;
}

void folders_remove(const char *directory)
{
	if (directory[0] != '\0')
		(void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void folders_close(struct folders *folders)
{
	/* what was left on purpose stays, and its parent with it */
	if (folders->ours)
		(void)rmdir(folders->root);
}
