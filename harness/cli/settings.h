/* SPDX-License-Identifier: MIT */
/* What was asked for: filled by the option table, from the command line and from wringer.lua. */
#ifndef WRINGER_CLI_SETTINGS_H
#define WRINGER_CLI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "rules/ignore.h"
#include "run/case.h"

struct text_list {
	const char **items;
	size_t count, capacity;
};

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct option_row;

/* An option that was given, with its value as text (NULL for a flag): how a run is told to be run again. */
struct given {
	const struct option_row *row;
	const char *value;
	bool on_line; /* rather than in the settings file */
};

struct settings {
	const char *protocol;
	uint64_t port;
	uint64_t pid; /* watch: what runs already; 0: a command is started */
	struct text_list targets, scenarios, excludes, scripts, cases, faults;
	const char *rules;
	struct ignore_list ignores;
	uint64_t shard, shards; /* 1-based; shards 0: not divided */
	uint64_t repeat;
	struct run_setting *defines;
	size_t define_count, define_capacity;

	const char *watch;
	uint64_t seed;
	bool seed_given;
	uint64_t jobs;	  /* 0: the cores */
	uint64_t timeout; /* ns, 0: the default */
	double time_scale;
	bool no_sandbox, dry_run;

	uint64_t search, runs; /* fuzz: ns and tries, 0: no limit */
	const char *corpus, *out;

	const char *json, *junit, *tap, *html, *keep;
	const char *idle, *svg; /* contrast --scale */
	bool scale;
	bool leave, quiet, no_progress, show, as_json;
	bool few_lines; /* a command's own choice: cases that passed have no line */
	uint64_t verbose;
	enum color color;

	bool load, one_request;		      /* bench */
	uint64_t connections, pipeline, rate; /* rate 0: as fast as the answers come */
	uint64_t duration;		      /* ns */
	const char *histogram;		      /* where to save it */

	const char *config;
	bool help, version;

	struct given *given;
	size_t given_count, given_capacity;
	struct text_list owned; /* every text above that is not from argv */
};

void settings_init(struct settings *settings);
void settings_free(struct settings *settings);

/* A copy of text that lives as long as the settings; NULL: out of memory. */
const char *settings_keep(struct settings *settings, const char *text);
/* 0 or -ENOMEM. */
int text_list_add(struct text_list *list, const char *text);

/* Hands one option to its parse function and remembers it. The error names the option and what it wants. */
int settings_set(struct settings *settings, const struct option_row *row, const char *value, bool on_line,
		 struct error *error);

/* Whether the option was given, on the line or in the file. */
bool settings_given(const struct settings *settings, const char *name);

/* Whether --rules names rules that exist: a misspelt one is said before the run. 0 or -EINVAL with error. */
int settings_check_rules(const struct settings *settings, struct error *error);

/* Reads -c FILE, or wringer.lua where there is one, for that command. What the command line said stays. */
int settings_load(struct settings *settings, unsigned command, struct error *error);

#endif
