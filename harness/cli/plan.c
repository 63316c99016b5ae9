/* SPDX-License-Identifier: MIT */
#include "cli/plan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/units.h"
#include "cli/targets.h"
#include "cli/watching.h"

static int executable(const char *path)
{
	struct stat found;

	if (stat(path, &found) < 0)
		return -errno;
	if (S_ISDIR(found.st_mode))
		return -EISDIR;
	return access(path, X_OK) < 0 ? -errno : 0;
}

static int find_by_path(const char *name)
{
	const char *at = getenv("PATH");
	int best = -ENOENT;

	if (!at)
		at = "/bin:/usr/bin";
	while (*at) {
		char file[PATH_MAX];
		size_t size = strcspn(at, ":");
		int used =
		    snprintf(file, sizeof file, "%.*s/%s", size ? (int)size : 1, size ? at : ".", name);
		int r = used > 0 && (size_t)used < sizeof file ? executable(file) : -ENAMETOOLONG;
		if (r == 0)
			return 0;
		if (r == -EACCES)
			best = r;
		at += size + (at[size] == ':');
	}
	return best;
}

int plan_find_command(const char *name, struct error *error)
{
	int r = !*name ? -ENOENT : strchr(name, '/') ? executable(name) : find_by_path(name);

	if (r == -ENOENT)
		return error_set(error, r, "command not found: %s", name);
	return r < 0 ? error_set(error, r, "cannot run %s: %s", name, strerror(-r)) : 0;
}

static int reference(struct plan_target *target, const char *name, const char *protocol, struct error *error)
{
	char path[PATH_MAX];
	int r = targets_find(name, path, sizeof path, error);

	if (r < 0)
		return r;
	const char *words[] = {path, "--port", "0", "--protocol", protocol};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		target->owned[i] = strdup(words[i]);
		if (!target->owned[i])
			return error_set(error, -ENOMEM, "out of memory");
	}
	target->name = name;
	target->argv = target->owned;
	return 0;
}

static int join_names(struct plan *plan)
{
	struct buf names = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->target_count; i++)
		r = buf_printf(&names, "%s%s", i ? "," : "", plan->targets[i].name);
	plan->names = names.data;
	return r;
}

int plan_targets(const struct settings *settings, char **command, const char *protocol, struct plan *ret_plan,
		 struct error *error)
{
	static const char *const fallback[] = {TARGET_DEFAULT};
	const char *const *names = settings->targets.count ? settings->targets.items : fallback;
	int r = 0;

	size_t named = settings->targets.count || command ? settings->targets.count : 1;

	*ret_plan = (struct plan){.target_count = named + (command ? 1 : 0)};
	ret_plan->targets = calloc(ret_plan->target_count, sizeof *ret_plan->targets);
	if (!ret_plan->targets)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < named; i++)
		r = reference(&ret_plan->targets[i], names[i], protocol, error);
	if (command)
		ret_plan->targets[named] = (struct plan_target){.name = COMMAND_TARGET, .argv = command};
	if (r == 0 && join_names(ret_plan) < 0)
		r = error_set(error, -ENOMEM, "out of memory");
	return r;
}

#define PEER_TIME (3 * NS_PER_MS) /* what a peer of -D peers=N adds to a case's limit */

/* Peers by the thousand take their time: to connect, to be let go of. 0: the usual limit. */
static uint64_t limit_of(const struct settings *settings)
{
	uint64_t peers = 0;

	for (size_t i = 0; i < settings->define_count; i++)
		if (strcmp(settings->defines[i].name, "peers") == 0)
			(void)units_count(settings->defines[i].value, &peers);
	if (settings->timeout || !peers || peers > UINT32_MAX)
		return settings->timeout;
	return (uint64_t)((double)(30 * NS_PER_S + peers * PEER_TIME) * settings->time_scale);
}

static struct case_options options_of(const struct settings *settings, const struct plan_target *target,
				      const struct protocol *protocol, const struct watch_ops *watch,
				      uint32_t round)
{
	return (struct case_options){
	    .target_name = target->name,
	    .argv = target->argv,
	    .protocol = protocol,
	    .watch = watch,
	    .port = (uint16_t)settings->port,
	    .sandbox = !settings->no_sandbox,
	    /* A round is run again alone by giving its own seed. */
	    .seed = settings->seed + (round - 1),
	    .time_scale = settings->time_scale,
	    .timeout = limit_of(settings),
	    .rules = settings->rules,
	    .ignores = &settings->ignores,
	    .settings = settings->defines,
	    .setting_count = settings->define_count,
	};
}

int plan_watch(const struct plan *plan, const char *name, const struct watch_ops **ret_watch,
	       struct error *error)
{
	const char **programs = calloc(plan->target_count + 1, sizeof *programs);
	int r;

	if (!programs)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < plan->target_count; i++)
		programs[i] = plan->targets[i].argv[0];
	r = watching_find(name, programs, plan->target_count, ret_watch, error);
	free(programs);
	return r;
}

/* FNV-1a; the end of a text counts, so that two are not one. */
static uint64_t mix(uint64_t sum, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3;
	return sum;
}

/* Not of the time a case may take: that is for each machine to say. */
static uint64_t sum_of(const struct settings *settings, const struct selection *selection)
{
	uint64_t sum = mix(0xcbf29ce484222325, settings->rules);

	for (size_t i = 0; i < selection->count; i++)
		sum = mix(sum, selection->chosen[i]->name);
	for (size_t i = 0; i < settings->define_count; i++)
		sum = mix(mix(sum, settings->defines[i].name), settings->defines[i].value);
	for (size_t i = 0; i < settings->ignores.count; i++)
		sum = mix(mix(sum, settings->ignores.items[i].rule), settings->ignores.items[i].scenario);
	return sum;
}

int plan_cases(const struct settings *settings, const struct selection *selection,
	       const struct protocol *protocol, const struct watch_ops *watch, struct plan *plan,
	       struct error *error)
{
	size_t each = plan->target_count * selection->count, total;

	if (__builtin_mul_overflow(each, settings->repeat, &total) || total > 1000000)
		return error_set(error, -E2BIG, "%zu cases, %llu times, are more than a run can hold", each,
				 (unsigned long long)settings->repeat);
	plan->sum = sum_of(settings, selection);
	plan->cases = calloc(total + 1, sizeof *plan->cases);
	if (!plan->cases)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < total; i++) {
		uint32_t round = (uint32_t)(i / each + 1);
		const struct plan_target *target = &plan->targets[i % each / selection->count];
		if (settings->shards && i % settings->shards != settings->shard - 1)
			continue;
		plan->cases[plan->count++] = (struct suite_case){
		    .scenario = selection->chosen[i % selection->count],
		    .options = options_of(settings, target, protocol, watch, round),
		    .round = round,
		};
	}
	if (plan->count == 0)
		return error_set(
		    error, -ENOENT, "no scenario selected: shard %llu/%llu of %zu cases is empty",
		    (unsigned long long)settings->shard, (unsigned long long)settings->shards, total);
	return 0;
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; plan->targets && i < plan->target_count; i++)
		for (size_t j = 0; plan->targets[i].owned[j]; j++)
			free(plan->targets[i].owned[j]);
	free(plan->targets);
	free(plan->cases);
	free(plan->names);
	*plan = (struct plan){0};
}
