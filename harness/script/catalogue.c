/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "script/folder.h"
#include "script/scenario_file.h"
#include "script/script.h"

struct catalogue {
	struct scenario **scenarios; /* sorted by name */
	size_t count, capacity;
};

static size_t catalogue_place(const struct catalogue *catalogue, const char *name)
{
	size_t place = 0;

	while (place < catalogue->count && strcmp(catalogue->scenarios[place]->name, name) < 0)
		place++;
	return place;
}

static int catalogue_insert(struct catalogue *catalogue, struct scenario *scenario, struct error *error)
{
	size_t place = catalogue_place(catalogue, scenario->name);

	if (place < catalogue->count && strcmp(catalogue->scenarios[place]->name, scenario->name) == 0)
		return error_set(error, -EEXIST, "%s: there is a scenario \"%s\" already, in %s",
				 scenario->file, scenario->name, catalogue->scenarios[place]->file);
	struct scenario **grown =
	    array_grow(catalogue->scenarios, catalogue->count, &catalogue->capacity, sizeof(*grown));
	if (!grown)
		return error_set(error, -ENOMEM, "out of memory");
	catalogue->scenarios = grown;
	memmove(grown + place + 1, grown + place, (catalogue->count - place) * sizeof(*grown));
	grown[place] = scenario;
	catalogue->count++;
	return 0;
}

int catalogue_add(struct catalogue *catalogue, const char *file, struct error *error)
{
	struct scenario *scenario = NULL;
	int code = scenario_file_load(file, &scenario, error);

	if (code < 0)
		return code;
	code = catalogue_insert(catalogue, scenario, error);
	if (code < 0)
		scenario_file_free(scenario);
	return code;
}

int catalogue_load(const char *folder, struct catalogue **ret_catalogue, struct error *error)
{
	struct catalogue *catalogue = calloc(1, sizeof(*catalogue));
	char **paths = NULL;
	size_t count = 0;
	int code = catalogue ? 0 : error_set(error, -ENOMEM, "out of memory");

	if (code == 0 && folder)
		code = folder_list(folder, &paths, &count, error);
	for (size_t i = 0; code == 0 && i < count; i++)
		code = catalogue_add(catalogue, paths[i], error);
	folder_free(paths, count);
	if (code < 0) {
		catalogue_free(catalogue);
		return code;
	}
	*ret_catalogue = catalogue;
	return 0;
}

size_t catalogue_count(const struct catalogue *catalogue)
{
	return catalogue->count;
}

const struct scenario *catalogue_at(const struct catalogue *catalogue, size_t index)
{
	return catalogue->scenarios[index];
}

void catalogue_free(struct catalogue *catalogue)
{
	if (!catalogue)
		return;
	for (size_t i = 0; i < catalogue->count; i++)
		scenario_file_free(catalogue->scenarios[i]);
	free(catalogue->scenarios);
	free(catalogue);
}
