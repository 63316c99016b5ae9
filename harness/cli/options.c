/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cli/nearest.h"

#define ROWS_MOST 64

const struct option_row *option_find(const char *name, unsigned command)
{
	for (const struct option_row *row = option_rows; row->name; row++)
		if (row->commands & command &&
		    (strcmp(row->name, name) == 0 || (name[0] && name[0] == row->letter && !name[1])))
			return row;
	return NULL;
}

/* getopt's own form of the table. */
struct forms {
	struct option longs[ROWS_MOST];
	char shorts[ROWS_MOST * 2 + 2];
};

static void make_forms(unsigned command, struct forms *ret_forms)
{
	struct option *at = ret_forms->longs;
	char *letter = ret_forms->shorts;

	assert(option_row_count < ROWS_MOST);
	*letter++ = ':'; /* a missing value is told apart from an unknown option */
	for (size_t i = 0; option_rows[i].name; i++) {
		const struct option_row *row = &option_rows[i];
		if (!(row->commands & command))
			continue;
		*at++ = (struct option){row->name, row->argument ? required_argument : no_argument, NULL,
					256 + (int)i};
		if (!row->letter)
			continue;
		*letter++ = row->letter;
		if (row->argument)
			*letter++ = ':';
	}
	*at = (struct option){0};
	*letter = 0;
}

static const struct option_row *row_of(int code, unsigned command)
{
	if (code >= 256)
		return &option_rows[code - 256];
	for (const struct option_row *row = option_rows; row->name; row++)
		if (row->letter == code && row->commands & command)
			return row;
	return NULL;
}

static int unknown_option(const struct command *command, const char *text, struct error *error)
{
	size_t size = strcspn(text, "=");
	char name[64], hint[96];

	(void)snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), text);
	struct nearest nearest = nearest_begin(name);
	for (const struct option_row *row = option_rows; row->name; row++) {
		char full[64];
		(void)snprintf(full, sizeof full, "--%s", row->name);
		if (row->commands & command->bit)
			nearest_offer(&nearest, full);
	}
	return error_set(error, -EINVAL, "%s has no option %s%s; see `wringer %s -h`", command->name, name,
			 nearest_hint(&nearest, hint, sizeof hint), command->name);
}

/* What getopt stumbled over: '?' or ':'. */
static int complain(const struct command *command, int code, int option, const char *text,
		    struct error *error)
{
	const struct option_row *row = option ? row_of(option, command->bit) : NULL;
	char letter[3] = {'-', (char)option, 0};

	if (code == ':' && row)
		return error_set(error, -EINVAL, "--%s wants %s; see `wringer %s -h`", row->name,
				 row->argument, command->name);
	if (row)
		return error_set(error, -EINVAL, "--%s takes no value; see `wringer %s -h`", row->name,
				 command->name);
	return unknown_option(command, option && option < 256 ? letter : text, error);
}

static int parse_line(const struct command *command, int argc, char **argv, struct settings *settings,
		      struct error *error)
{
	struct forms forms;
	int code;

	make_forms(command->bit, &forms);
	opterr = 0;
	optind = 0; /* begin anew, also when this is not the first time */
	while ((code = getopt_long(argc, argv, forms.shorts, forms.longs, NULL)) != -1) {
		if (code == '?' || code == ':')
			return complain(command, code, optopt, argv[optind - 1], error);
		const struct option_row *row = row_of(code, command->bit);
		int r = settings_set(settings, row, row->argument ? optarg : NULL, true, error);
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(const struct command *command, int argc, char **argv, struct settings *settings,
		  struct words *ret_words, struct error *error)
{
	char **behind = NULL;

	/* Split here: getopt would move what stands behind "--" among the other words. */
	for (int i = 1; i < argc && !behind; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		behind = argv + i + 1;
		argc = i;
	}
	int r = parse_line(command, argc, argv, settings, error);
	if (r < 0)
		return r;
	if (behind && !*behind && !settings->help)
		return error_set(error, -EINVAL, "no command behind --; see `wringer %s -h`", command->name);
	*ret_words = (struct words){argv + optind, (size_t)(argc - optind), behind};
	return 0;
}
