/* SPDX-License-Identifier: MIT */
#include "cli/select.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "cli/nearest.h"
#include "script/folder.h"

/* How a scenario came to be wanted. */
enum wanted { WANTED_NOT, WANTED_GLOB, WANTED_NAME };

struct choice {
	const struct scenario *scenario;
	enum wanted wanted;
};

struct choices {
	struct choice *items;
	size_t count, capacity;
};

static bool is_folder(const char *path)
{
	struct stat found;

	return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static bool is_path(const char *word)
{
	size_t size = strlen(word);

	return strchr(word, '/') || (size > 4 && strcmp(word + size - 4, ".lua") == 0) ||
	       strcmp(word, ".") == 0 || strcmp(word, "..") == 0;
}

static bool same_file(const char *a, const char *b)
{
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

static bool holds_file(const struct catalogue *catalogue, const char *file)
{
	for (size_t i = 0; i < catalogue_count(catalogue); i++)
		if (same_file(catalogue_at(catalogue, i)->file, file))
			return true;
	return false;
}

static int load_file(struct catalogue *catalogue, const char *file, struct error *error)
{
	return holds_file(catalogue, file) ? 0 : catalogue_add(catalogue, file, error);
}

static int load_folder(struct catalogue *catalogue, const char *folder, struct error *error)
{
	char **paths;
	size_t count;
	int r = folder_list(folder, &paths, &count, error);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = load_file(catalogue, paths[i], error);
	if (count == 0)
		r = error_set(error, -ENOENT, "no scenario (*.lua) in %s", folder);
	folder_free(paths, count);
	return r;
}

/* Every file that a word names joins the catalogue before anything is chosen: adding moves what is there. */
static int load_words(struct catalogue *catalogue, char *const *words, size_t count, struct error *error)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		if (!is_path(words[i]))
			continue;
		r = is_folder(words[i]) ? load_folder(catalogue, words[i], error)
					: load_file(catalogue, words[i], error);
	}
	return r;
}

static enum wanted word_wants(const char *word, const struct scenario *scenario)
{
	char folder[4096];

	if (is_path(word)) {
		if (!is_folder(word))
			return same_file(scenario->file, word) ? WANTED_NAME : WANTED_NOT;
		return same_file(folder_of(scenario->file, folder, sizeof folder), word) ? WANTED_GLOB
											 : WANTED_NOT;
	}
	if (strcmp(word, scenario->name) == 0)
		return WANTED_NAME;
	return fnmatch(word, scenario->name, 0) == 0 ? WANTED_GLOB : WANTED_NOT;
}

static int nothing_like(const struct choices *choices, const char *word, struct error *error)
{
	struct nearest nearest = nearest_begin(word);
	char hint[96];

	if (is_folder(word))
		return error_set(error, -ENOENT, "no scenario is called %s; for the folder say ./%s", word,
				 word);
	for (size_t i = 0; i < choices->count; i++)
		nearest_offer(&nearest, choices->items[i].scenario->name);
	return error_set(error, -ENOENT, "no scenario is called %s%s; see `wringer list scenarios`", word,
			 nearest_hint(&nearest, hint, sizeof hint));
}

static int apply_word(struct choices *choices, const char *word, struct error *error)
{
	bool any = false;

	for (size_t i = 0; i < choices->count; i++) {
		enum wanted wanted = word_wants(word, choices->items[i].scenario);
		any |= wanted != WANTED_NOT;
		if (wanted > choices->items[i].wanted)
			choices->items[i].wanted = wanted;
	}
	return any ? 0 : nothing_like(choices, word, error);
}

static bool any_matches(const struct text_list *globs, const char *name)
{
	for (size_t i = 0; i < globs->count; i++)
		if (fnmatch(globs->items[i], name, 0) == 0)
			return true;
	return false;
}

/* A misspelt name must not look like a filter that worked. */
static int check_globs(const struct choices *choices, const struct text_list *globs, struct error *error)
{
	for (size_t i = 0; i < globs->count; i++) {
		bool any = false;
		for (size_t j = 0; j < choices->count; j++)
			any |= fnmatch(globs->items[i], choices->items[j].scenario->name, 0) == 0;
		if (!any)
			return nothing_like(choices, globs->items[i], error);
	}
	return 0;
}

static int push(const struct scenario ***items, size_t *count, size_t *capacity,
		const struct scenario *scenario)
{
	const struct scenario **grown = array_grow(*items, *count, capacity, sizeof **items);

	if (!grown)
		return -ENOMEM;
	*items = grown;
	grown[(*count)++] = scenario;
	return 0;
}

static int keep_wanted(const struct settings *settings, const struct choices *choices,
		       const struct protocol *protocol, struct selection *selection)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < choices->count; i++) {
		const struct scenario *scenario = choices->items[i].scenario;
		enum wanted wanted = choices->items[i].wanted;
		if (wanted == WANTED_NOT || any_matches(&settings->excludes, scenario->name))
			continue;
		if (settings->scenarios.count && !any_matches(&settings->scenarios, scenario->name))
			continue;
		if (wanted != WANTED_NAME && protocol && scenario->offers & ~protocol->offers)
			r = push(&selection->unfit, &selection->unfit_count, &selection->unfit_capacity,
				 scenario);
		else
			r = push(&selection->chosen, &selection->count, &selection->capacity, scenario);
	}
	return r;
}

static int choose(const struct settings *settings, char *const *words, size_t word_count,
		  const struct protocol *protocol, struct choices *choices, struct selection *selection,
		  struct error *error)
{
	for (size_t i = 0; i < word_count; i++) {
		int r = apply_word(choices, words[i], error);
		if (r < 0)
			return r;
	}
	if (check_globs(choices, &settings->scenarios, error) < 0 ||
	    check_globs(choices, &settings->excludes, error) < 0)
		return -ENOENT;
	if (keep_wanted(settings, choices, protocol, selection) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	if (selection->count)
		return 0;
	if (selection->unfit_count)
		return error_set(error, -ENOENT,
				 "no scenario selected: none of the %zu wanted fits the protocol %s",
				 selection->unfit_count, protocol->name);
	return error_set(error, -ENOENT, "no scenario selected");
}

static int load(char *const *words, size_t count, struct selection *selection, struct error *error)
{
	const char *folder = script_folder();

	if (!folder)
		return error_set(error, -ENOENT,
				 "the scenarios are not here; WRINGER_DATA can name their folder's parent");
	int r = catalogue_load(folder, &selection->catalogue, error);
	return r < 0 ? r : load_words(selection->catalogue, words, count, error);
}

int select_scenarios(const struct settings *settings, char *const *words, size_t word_count,
		     const struct protocol *protocol, struct selection *ret_selection, struct error *error)
{
	struct choices choices = {0};
	int r;

	*ret_selection = (struct selection){0};
	r = load(words, word_count, ret_selection, error);
	if (r < 0)
		return r;
	choices.count = catalogue_count(ret_selection->catalogue);
	choices.items = calloc(choices.count + 1, sizeof *choices.items);
	if (!choices.items)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < choices.count; i++)
		choices.items[i] = (struct choice){catalogue_at(ret_selection->catalogue, i),
						   word_count ? WANTED_NOT : WANTED_GLOB};
	r = choose(settings, words, word_count, protocol, &choices, ret_selection, error);
	free(choices.items);
	return r;
}

void selection_free(struct selection *selection)
{
	free(selection->chosen);
	free(selection->unfit);
	catalogue_free(selection->catalogue);
	*selection = (struct selection){0};
}
