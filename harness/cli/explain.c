/* SPDX-License-Identifier: MIT */
/* `wringer explain`: a rule, scenario, target, fault or protocol, in full. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/say.h"
#include "cli/status.h"
#include "cli/things.h"
#include "report/text.h"

struct search {
	const char *name;
	char headline[1024]; /* "" while not found */
	struct nearest nearest;
};

static int look(void *arg, const struct thing *thing)
{
	struct search *search = arg;

	nearest_offer(&search->nearest, thing->name);
	if (strcmp(thing->name, search->name) == 0)
		(void)snprintf(search->headline, sizeof search->headline, "%s", thing->doc ? thing->doc : "");
	return 0;
}

struct trait_search {
	const char *name;
	char *out;
	size_t size;
};

static int take_trait(void *arg, const struct thing *thing)
{
	struct trait_search *search = arg;

	if (thing->trait && strcmp(thing->name, search->name) == 0)
		(void)snprintf(search->out, search->size, ", %s", thing->trait);
	return 0;
}

/* Of the traits only a rule's severity belongs into a headline. */
static const char *severity_of(const struct kind *kind, const char *name, char *out, size_t size)
{
	struct trait_search search = {name, out, size};

	*out = 0;
	if (kind == &kind_rules)
		(void)kind->each(take_trait, &search, NULL);
	return out;
}

static int explain_one(const struct kind *kind, const struct search *search, bool again, struct error *error)
{
	size_t width = help_width();
	struct buf text = {0};
	char severity[32];
	int r = buf_printf(&text, "%s%s (%s%s)\n  ", again ? "\n" : "", search->name, kind->singular,
			   severity_of(kind, search->name, severity, sizeof severity));

	if (r == 0)
		r = text_wrap(search->headline, 2, 2, width, &text);
	if (r == 0)
		r = buf_puts(&text, "\n");
	if (r == 0)
		r = kind->explain(search->name, width, &text, error);
	if (r == 0)
		(void)fwrite(text.data, 1, text.size, stdout);
	buf_free(&text);
	return r < 0 && !error->code ? error_set(error, r, "out of memory") : r;
}

static int explain_name(const char *name)
{
	struct search search = {.name = name, .nearest = nearest_begin(name)};
	unsigned found = 0;

	/* A name may mean two things (a fault and a call, say): both are told. */
	for (const struct kind *const *kind = kind_list; *kind; kind++) {
		struct error error = {0};
		search.headline[0] = 0;
		/* What cannot be listed (no targets built) hides only its own kind. */
		if ((*kind)->each(look, &search, &error) < 0 || !search.headline[0])
			continue;
		if (explain_one(*kind, &search, found > 0, &error) < 0)
			return say(&error);
		found++;
	}
	if (found)
		return STATUS_PASSED;
	char hint[96];
	return say_error("nothing here is called %s%s", name,
			 nearest_hint(&search.nearest, hint, sizeof hint));
}

static int explain(struct settings *settings, const struct words *words)
{
	(void)settings;
	if (words->count != 1 || words->command)
		return say_error("explain wants one name: of a rule, scenario, target, fault or protocol");
	return explain_name(words->items[0]);
}

const struct command command_explain = {
    .name = "explain",
    .bit = FOR_EXPLAIN,
    .usage = "NAME",
    .doc = "tell all about a rule, scenario, target, fault or protocol",
    .about = "What it is, why it matters, how it is decided and how to mend it.",
    .run = explain,
};
