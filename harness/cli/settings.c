/* SPDX-License-Identifier: MIT */
#include "cli/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "rules/judge.h"
#include "script/script.h"

#define PROJECT_FILE "wringer.lua"

void settings_init(struct settings *settings)
{
	*settings = (struct settings){.repeat = 1,
				      .time_scale = 1.0,
				      .watch = "auto",
				      .connections = 50,
				      .pipeline = 1,
				      .duration = 10 * NS_PER_S};
}

void settings_free(struct settings *settings)
{
	for (size_t i = 0; i < settings->owned.count; i++)
		free((char *)settings->owned.items[i]);
	free(settings->owned.items);
	ignore_free(&settings->ignores);
	free(settings->targets.items);
	free(settings->scenarios.items);
	free(settings->excludes.items);
	free(settings->scripts.items);
	free(settings->cases.items);
	free(settings->faults.items);
	free(settings->defines);
	free(settings->given);
	*settings = (struct settings){0};
}

int text_list_add(struct text_list *list, const char *text)
{
	const char **grown = array_grow(list->items, list->count, &list->capacity, sizeof *list->items);

	if (!grown)
		return -ENOMEM;
	list->items = grown;
	list->items[list->count++] = text;
	return 0;
}

const char *settings_keep(struct settings *settings, const char *text)
{
	char *copy = strdup(text);

	if (copy && text_list_add(&settings->owned, copy) == 0)
		return copy;
	free(copy);
	return NULL;
}

static int remember(struct settings *settings, const struct option_row *row, const char *value, bool on_line)
{
	struct given *grown = array_grow(settings->given, settings->given_count, &settings->given_capacity,
					 sizeof *settings->given);

	if (!grown)
		return -ENOMEM;
	settings->given = grown;
	settings->given[settings->given_count++] = (struct given){row, value, on_line};
	return 0;
}

int settings_set(struct settings *settings, const struct option_row *row, const char *value, bool on_line,
		 struct error *error)
{
	const char *kept = value ? settings_keep(settings, value) : NULL;

	if ((value && !kept) || remember(settings, row, kept, on_line) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	return row->parse(settings, row, kept, error);
}

static bool on_line(const struct settings *settings, const struct option_row *row)
{
	for (size_t i = 0; i < settings->given_count; i++)
		if (settings->given[i].row == row && settings->given[i].on_line)
			return true;
	return false;
}

bool settings_given(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->given_count; i++)
		if (strcmp(settings->given[i].row->name, name) == 0)
			return true;
	return false;
}

int settings_check_rules(const struct settings *settings, struct error *error)
{
	struct judge_options options = {.time_scale = settings->time_scale, .rules = settings->rules};
	struct judge *judge = NULL;
	int r = judge_new(&options, &judge, error);

	if (r == 0)
		judge_free(judge);
	return r;
}

struct loading {
	struct settings *settings;
	unsigned command;
};

static int unknown_setting(const char *name, struct error *error)
{
	struct nearest nearest = nearest_begin(name);
	char hint[96];

	for (const struct option_row *row = option_rows; row->name; row++)
		if (!(row->traits & LINE_ONLY))
			nearest_offer(&nearest, row->name);
	return error_set(error, -EINVAL, "there is no setting %s%s", name,
			 nearest_hint(&nearest, hint, sizeof hint));
}

static int load_one(void *arg, const char *name, const char *value, struct error *error)
{
	struct loading *loading = arg;
	/* `D = { path = "/x" }`: letters are names too. */
	const struct option_row *row = option_find(name, loading->command),
				*any = row ? row : option_find(name, ~0u);

	if (!any)
		return unknown_setting(name, error);
	/* --json of list is a flag for the line, what the file sets is that of check: not this command's. */
	if (row && (row->traits & LINE_ONLY))
		any = option_find(name, ~0u), row = NULL;
	if (any->traits & LINE_ONLY)
		return error_set(error, -EINVAL, "%s belongs on the command line", name);
	/* One file serves a project's every command: what does not concern this one is passed over. */
	if (!row || on_line(loading->settings, row))
		return 0;
	return settings_set(loading->settings, row, value, false, error);
}

int settings_load(struct settings *settings, unsigned command, struct error *error)
{
	struct loading loading = {settings, command};
	const char *file = settings->config;

	if (!file) {
		file = PROJECT_FILE;
		if (access(file, F_OK) != 0)
			return 0;
	}
	return config_load(file, load_one, &loading, error);
}
