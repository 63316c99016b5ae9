/* SPDX-License-Identifier: MIT */
#include "cli/values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/units.h"

#define SHARD_MOST 65535

/* The one form of every complaint about a value. */
static int wants(const struct option_row *row, const char *what, const char *value, struct error *error)
{
	return error_set(error, -EINVAL, "--%s wants %s, not \"%s\"", row->name, what, value);
}

static void *member(struct settings *settings, const struct option_row *row)
{
	return (char *)settings + row->offset;
}

int value_text(struct settings *settings, const struct option_row *row, const char *value,
	       struct error *error)
{
	if (!*value)
		return wants(row, row->argument, value, error);
	*(const char **)member(settings, row) = value;
	return 0;
}

int value_list(struct settings *settings, const struct option_row *row, const char *value,
	       struct error *error)
{
	if (!*value)
		return wants(row, row->argument, value, error);
	if (text_list_add(member(settings, row), value) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
}

int value_ignore(struct settings *settings, const struct option_row *row, const char *value,
		 struct error *error)
{
	int r = ignore_add(member(settings, row), value, error);

	return r < 0 ? error_prefix(error, "--%s", row->name) : 0;
}

static int truth(const struct option_row *row, const char *value, bool *ret_truth, struct error *error)
{
	if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return wants(row, "true or false", value, error);
	*ret_truth = !value || strcmp(value, "true") == 0;
	return 0;
}

int value_flag(struct settings *settings, const struct option_row *row, const char *value,
	       struct error *error)
{
	return truth(row, value, member(settings, row), error);
}

int value_counter(struct settings *settings, const struct option_row *row, const char *value,
		  struct error *error)
{
	bool more = false;
	int r = truth(row, value, &more, error);

	if (r == 0 && more)
		++*(uint64_t *)member(settings, row);
	return r;
}

int value_count(struct settings *settings, const struct option_row *row, const char *value,
		struct error *error)
{
	uint64_t count;

	if (units_count(value, &count) < 0 || count == 0 || count > UINT32_MAX)
		return wants(row, "a whole number above 0, such as 4 or 2k", value, error);
	*(uint64_t *)member(settings, row) = count;
	return 0;
}

int value_duration(struct settings *settings, const struct option_row *row, const char *value,
		   struct error *error)
{
	uint64_t ns;

	if (units_duration(value, &ns) < 0 || ns == 0)
		return wants(row, "a duration above 0, such as 500ms or 30s", value, error);
	*(uint64_t *)member(settings, row) = ns;
	return 0;
}

int value_factor(struct settings *settings, const struct option_row *row, const char *value,
		 struct error *error)
{
	double factor;

	if (units_factor(value, &factor) < 0)
		return wants(row, "a factor above 0, such as 2 or 0.5", value, error);
	*(double *)member(settings, row) = factor;
	return 0;
}

/* Digits only: no sign, no blank, no unit, every digit kept. */
static int whole(const char *text, uint64_t most, uint64_t *ret_number)
{
	for (const char *at = text; *at; at++)
		if (!isdigit((unsigned char)*at))
			return -EINVAL;
	errno = 0;
	unsigned long long number = strtoull(text, NULL, 10);
	if (!*text || errno || number > most)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

int value_pid(struct settings *settings, const struct option_row *row, const char *value, struct error *error)
{
	uint64_t pid;

	if (whole(value, INT32_MAX, &pid) < 0 || pid == 0)
		return wants(row, "the number of a process", value, error);
	settings->pid = pid;
	return 0;
}

int value_port(struct settings *settings, const struct option_row *row, const char *value,
	       struct error *error)
{
	uint64_t port;

	if (whole(value, 65535, &port) < 0 || port == 0)
		return wants(row, "a port from 1 to 65535", value, error);
	settings->port = port;
	return 0;
}

int value_seed(struct settings *settings, const struct option_row *row, const char *value,
	       struct error *error)
{
	if (whole(value, UINT64_MAX, &settings->seed) < 0)
		return wants(row, "a whole number", value, error);
	settings->seed_given = true;
	return 0;
}

/* The index an indexed job gives each of its processes, from 0 on. */
static int job_index(const struct option_row *row, const char *value, uint64_t *ret_shard,
		     struct error *error)
{
	const char *index = getenv("JOB_COMPLETION_INDEX");

	if (!index)
		return error_set(error, -EINVAL,
				 "--%s %s wants an index: I/N, or JOB_COMPLETION_INDEX in the environment",
				 row->name, value);
	if (whole(index, SHARD_MOST - 1, ret_shard) < 0)
		return error_set(error, -EINVAL, "JOB_COMPLETION_INDEX wants a whole number, not \"%s\"",
				 index);
	++*ret_shard;
	return 0;
}

int value_shard(struct settings *settings, const struct option_row *row, const char *value,
		struct error *error)
{
	static const char what[] = "I/N with I from 1 to N, such as 2/5";
	const char *slash = strchr(value, '/');
	uint64_t shard = 0, shards;
	char part[16];
	int r = 0;

	if (slash && slash - value >= (ptrdiff_t)sizeof part)
		return wants(row, what, value, error);
	(void)snprintf(part, sizeof part, "%.*s", slash ? (int)(slash - value) : 0, value);
	if (whole(slash ? slash + 1 : value, SHARD_MOST, &shards) < 0 || !shards)
		return wants(row, what, value, error);
	r = slash ? whole(part, SHARD_MOST, &shard) : job_index(row, value, &shard, error);
	if (r < 0)
		return slash ? wants(row, what, value, error) : r;
	if (shard == 0 || shard > shards)
		return slash ? wants(row, what, value, error)
			     : error_set(error, -EINVAL,
					 "JOB_COMPLETION_INDEX is %llu, and --%s has %llu parts, 0 to %llu",
					 (unsigned long long)shard - 1, row->name, (unsigned long long)shards,
					 (unsigned long long)shards - 1);
	settings->shard = shard;
	settings->shards = shards;
	return 0;
}

int value_define(struct settings *settings, const struct option_row *row, const char *value,
		 struct error *error)
{
	const char *equal = strchr(value, '=');
	char *name;

	if (!equal || equal == value)
		return wants(row, "NAME=VALUE", value, error);
	struct run_setting *grown = array_grow(settings->defines, settings->define_count,
					       &settings->define_capacity, sizeof *settings->defines);
	if (!grown)
		return error_set(error, -ENOMEM, "out of memory");
	settings->defines = grown;
	name = strndup(value, (size_t)(equal - value));
	if (!name || text_list_add(&settings->owned, name) < 0) {
		free(name);
		return error_set(error, -ENOMEM, "out of memory");
	}
	grown[settings->define_count++] = (struct run_setting){name, equal + 1};
	return 0;
}

/* Whether value is one of the words in names, which end with NULL; its place. */
static int one_of(const char *const *names, const char *value)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], value) == 0)
			return i;
	return -EINVAL;
}

int value_watch(struct settings *settings, const struct option_row *row, const char *value,
		struct error *error)
{
	static const char *const names[] = {"auto", "ptrace", "preload", "bpf", "none", NULL};

	if (one_of(names, value) < 0)
		return wants(row, "ptrace, preload, bpf, none or auto", value, error);
	settings->watch = value;
	return 0;
}

int value_color(struct settings *settings, const struct option_row *row, const char *value,
		struct error *error)
{
	static const char *const names[] = {
	    [COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never", NULL};
	int found = one_of(names, value);

	if (found < 0)
		return wants(row, "auto, always or never", value, error);
	settings->color = (enum color)found;
	return 0;
}
