/* SPDX-License-Identifier: MIT */
#include "fuzz/common/start.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARTIFACTS "-artifact_prefix="
#define ARTIFACT  "-exact_artifact_path="

/* The value of -name=value, NULL when it is another word. */
static const char *value_of(const char *word, const char *option)
{
	size_t size = strlen(option);

	return strncmp(word, option, size) == 0 ? word + size : NULL;
}

static int check_writable(const char *folder, const char *what, struct error *error)
{
	if (access(folder, W_OK | X_OK) == 0)
		return 0;
	return error_set(error, -errno, "%s: %s cannot be written there: %s", folder, what, strerror(errno));
}

/* Findings go to PREFIX-name: the part before the last slash is a folder. */
static int check_prefix(const char *prefix, struct error *error)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(prefix, '/');

	(void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - prefix + 1) : 1,
		       slash ? prefix : ".");
	int r = check_writable(folder, "findings", error);
	if (r == 0 && setenv(FUZZ_FOUND, folder, 1) < 0)
		r = error_set(error, -errno, "%s: %s", folder, strerror(errno));
	return r;
}

static int check_exact(const char *path, struct error *error)
{
	if (access(path, F_OK) == 0)
		return error_set(error, -EEXIST, "%s: exists, and a finding is never overwritten", path);
	return check_prefix(path, error);
}

static int check_word(const char *word, bool first, struct error *error)
{
	struct stat stat_of;

	if (stat(word, &stat_of) < 0)
		return error_set(error, -errno, "%s: %s", word, strerror(errno));
	if (S_ISDIR(stat_of.st_mode) && first)
		return check_writable(word, "new inputs", error);
	return access(word, R_OK) == 0 ? 0 : error_set(error, -errno, "%s: %s", word, strerror(errno));
}

static int check_words(int argc, char **argv, struct error *error)
{
	bool first = true, prefixed = false;
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++) {
		const char *prefix = value_of(argv[i], ARTIFACTS), *exact = value_of(argv[i], ARTIFACT);
		prefixed |= prefix || exact;
		if (prefix) {
			r = check_prefix(prefix, error);
		} else if (exact) {
			r = check_exact(exact, error);
		} else if (argv[i][0] != '-') {
			r = check_word(argv[i], first, error);
			first = false;
		}
	}
	return r == 0 && !prefixed ? check_prefix("", error) : r;
}

int fuzz_start(const struct fuzz_target *target, int argc, char **argv, char ***ret_argv, int *ret_argc,
	       struct error *error)
{
	/* The exit status of the project's contract: 1 is a finding, 77 would be a skip. */
	static char *const defaults[] = {"-error_exitcode=1", "-timeout_exitcode=1", "-timeout=20"};
	enum { DEFAULTS = sizeof defaults / sizeof defaults[0] };
	int r = check_words(argc, argv, error);

	if (r < 0)
		return error_prefix(error, "fuzz_%s", target->name);
	char **made = calloc((size_t)argc + DEFAULTS + 2, sizeof *made);
	char *limit = NULL;
	if (!made || asprintf(&limit, "-max_len=%zu", target->limit) < 0) {
		free(made);
		return error_set(error, -ENOMEM, "fuzz_%s: out of memory", target->name);
	}
	made[0] = argv[0];
	made[1] = limit;
	memcpy(made + 2, defaults, sizeof defaults);
	memcpy(made + 2 + DEFAULTS, argv + 1, (size_t)(argc - 1) * sizeof *made);
	*ret_argv = made;
	*ret_argc = argc + DEFAULTS + 1;
	return 0;
}
