/* SPDX-License-Identifier: MIT */
#include "cli/targets.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/nearest.h"
#include "rules/rule.h"

#define FAULTY "faulty-"

static const struct {
	const char *name, *doc;
} correct[] = {
    {"epoll-level", "one thread, level-triggered epoll"},
    {"epoll-edge", "one thread, edge-triggered epoll, every event drained"},
    {"epoll-oneshot", "worker threads that re-arm one-shot registrations"},
    {"epoll-exclusive", "processes that wait on one listener with EPOLLEXCLUSIVE"},
    {"epoll-reuseport", "processes with a listener each, by SO_REUSEPORT"},
    {"poll", "one thread, poll"},
    {"select", "one thread, select"},
    {"uring", "io_uring completions: multishot accept and receive, provided buffers"},
    {"uring-poll", "readiness through io_uring's poll requests"},
    {"python-epoll", "Python's select.epoll"},
};

#define CORRECT (sizeof correct / sizeof correct[0])

static bool is_folder(const char *path)
{
	struct stat found;

	return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* $WRINGER_TARGETS, beside the binary (build/targets), or installed (which a binary that was moved finds
 * too). False when there is none. */
static bool targets_folder(char *out, size_t size)
{
	static const char *const ways[] = {"targets", "../libexec/wringer"};
	const char *named = getenv("WRINGER_TARGETS");
	char binary[PATH_MAX];

	if (named && *named) {
		(void)snprintf(out, size, "%s", named);
		return is_folder(out);
	}
	ssize_t length = readlink("/proc/self/exe", binary, sizeof binary - 1);
	if (length < 0)
		return false;
	binary[length] = 0;
	*strrchr(binary, '/') = 0;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		int used = snprintf(out, size, "%s/%s", binary, ways[i]);
		if (used > 0 && (size_t)used < size && is_folder(out))
			return true;
	}
	(void)snprintf(out, size, "%s", WRINGER_LIBEXEC);
	return is_folder(out);
}

/* The rule a faulty target is named for: hup-spin for hup-spin-static, its twin in another kind of server. */
static const struct rule *rule_of(const char *name)
{
	char id[NAME_MAX + 1], *end;
	const struct rule *rule;

	(void)snprintf(id, sizeof id, "%s", name);
	while (!(rule = rule_find(id)) && (end = strrchr(id, '-')))
		*end = 0;
	return rule;
}

char *targets_doc(const char *name, char *out, size_t size)
{
	*out = 0;
	for (size_t i = 0; i < CORRECT; i++)
		if (strcmp(correct[i].name, name) == 0)
			(void)snprintf(out, size, "%s", correct[i].doc);
	if (strncmp(name, FAULTY, strlen(FAULTY)) != 0)
		return out;
	const struct rule *rule = rule_of(name + strlen(FAULTY));
	(void)snprintf(out, size, "wrong on purpose: %s",
		       rule ? rule->doc : "breaks the rule it is named for");
	return out;
}

static bool program(const char *folder, const char *name, char *out, size_t size)
{
	struct stat found;
	int used = snprintf(out, size, "%s/%s", folder, name);

	return used > 0 && (size_t)used < size && stat(out, &found) == 0 && S_ISREG(found.st_mode) &&
	       access(out, X_OK) == 0;
}

/* A program of that name, or a script that an interpreter's ending gives away. */
static bool locate(const char *folder, const char *name, char *out, size_t size)
{
	char script[NAME_MAX + 1];

	if (strchr(name, '/') || strlen(name) > 64)
		return false;
	if (program(folder, name, out, size))
		return true;
	(void)snprintf(script, sizeof script, "%s.py", name);
	return program(folder, script, out, size);
}

struct walk {
	int (*each)(void *arg, const char *name, const char *doc, const char *path);
	void *arg;
	const char *folder;
};

static int visit(const struct walk *walk, const char *name)
{
	char path[PATH_MAX], doc[256];

	if (!locate(walk->folder, name, path, sizeof path))
		return 0;
	return walk->each(walk->arg, name, targets_doc(name, doc, sizeof doc), path);
}

static int faulty_only(const struct dirent *entry)
{
	return strncmp(entry->d_name, FAULTY, strlen(FAULTY)) == 0 && !strchr(entry->d_name, '.');
}

static int visit_faulty(const struct walk *walk)
{
	struct dirent **entries;
	int count = scandir(walk->folder, &entries, faulty_only, alphasort), r = 0;

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		if (r >= 0)
			r = visit(walk, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int no_folder(struct error *error)
{
	return error_set(error, -ENOENT,
			 "the reference targets are not here; WRINGER_TARGETS can name their folder");
}

int targets_each(int (*each)(void *arg, const char *name, const char *doc, const char *path), void *arg,
		 struct error *error)
{
	char folder[PATH_MAX];
	struct walk walk = {each, arg, folder};
	int r = 0;

	if (!targets_folder(folder, sizeof folder))
		return no_folder(error);
	for (size_t i = 0; r >= 0 && i < CORRECT; i++)
		r = visit(&walk, correct[i].name);
	if (r >= 0)
		r = visit_faulty(&walk);
	return r < 0 ? error_set(error, r, "%s: %s", folder, strerror(-r)) : 0;
}

static int offer(void *arg, const char *name, const char *doc, const char *path)
{
	(void)doc, (void)path;
	nearest_offer(arg, name);
	return 0;
}

int targets_find(const char *name, char *ret_path, size_t size, struct error *error)
{
	char folder[PATH_MAX], hint[96];

	if (!targets_folder(folder, sizeof folder))
		return no_folder(error);
	if (locate(folder, name, ret_path, size))
		return 0;
	struct nearest nearest = nearest_begin(name);
	(void)targets_each(offer, &nearest, NULL);
	return error_set(error, -ENOENT, "there is no target %s%s; see `wringer list targets`", name,
			 nearest_hint(&nearest, hint, sizeof hint));
}
