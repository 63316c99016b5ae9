/* SPDX-License-Identifier: MIT */
/* `wringer list`: one line each, or JSON. */
#include "cli/command.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/nearest.h"
#include "cli/say.h"
#include "cli/status.h"
#include "cli/things.h"

static int widest(void *arg, const struct thing *thing)
{
	size_t *width = arg, size = strlen(thing->name);

	if (size > *width)
		*width = size;
	return 0;
}

static int print_line(void *arg, const struct thing *thing)
{
	const size_t *width = arg;

	(void)printf("%-*s  %s\n", (int)*width, thing->name, thing->doc ? thing->doc : "");
	return 0;
}

struct json_list {
	const struct kind *kind;
	cJSON *array;
};

static int add_item(void *arg, const struct thing *thing)
{
	struct json_list *list = arg;
	cJSON *item = cJSON_CreateObject();

	if (item && cJSON_AddStringToObject(item, "name", thing->name) &&
	    cJSON_AddStringToObject(item, "doc", thing->doc ? thing->doc : "") &&
	    (!thing->trait || cJSON_AddStringToObject(item, list->kind->trait, thing->trait)) &&
	    cJSON_AddItemToArray(list->array, item))
		return 0;
	cJSON_Delete(item);
	return -ENOMEM;
}

static int list_json(const struct kind *kind, struct error *error)
{
	struct json_list list = {kind, cJSON_CreateArray()};
	int r = list.array ? kind->each(add_item, &list, error) : error_set(error, -ENOMEM, "out of memory");
	char *text = r >= 0 ? cJSON_Print(list.array) : NULL;

	if (text)
		(void)puts(text);
	cJSON_free(text);
	cJSON_Delete(list.array);
	return r;
}

static int list_text(const struct kind *kind, struct error *error)
{
	size_t width = 0;
	int r = kind->each(widest, &width, error);

	return r < 0 ? r : kind->each(print_line, &width, error);
}

static int unknown_kind(const char *name)
{
	struct nearest nearest = nearest_begin(name);
	char hint[96];

	for (const struct kind *const *kind = kind_list; *kind; kind++)
		nearest_offer(&nearest, (*kind)->plural);
	return say_error("there are no %s to list; say scenarios, rules, targets, faults or protocols%s",
			 name, nearest_hint(&nearest, hint, sizeof hint));
}

static int list(struct settings *settings, const struct words *words)
{
	struct error error = {0};

	if (words->count != 1 || words->command)
		return say_error("list wants one of scenarios, rules, targets, faults, protocols");
	const struct kind *kind = kind_find(words->items[0]);
	if (!kind)
		return unknown_kind(words->items[0]);
	if ((settings->as_json ? list_json(kind, &error) : list_text(kind, &error)) < 0)
		return say(&error);
	return STATUS_PASSED;
}

const struct command command_list_things = {
    .name = "list",
    .bit = FOR_LIST,
    .usage = "[--json] scenarios|rules|targets|faults|protocols",
    .doc = "list scenarios, rules, targets, faults or protocols",
    .about = "One line each: the name, as other commands take it, and what it is.",
    .run = list,
};
