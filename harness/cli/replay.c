/* SPDX-License-Identifier: MIT */
/* `wringer replay`: what failed in a report, again: the same scenarios, servers, seeds and settings. */
#include "cli/command.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "cli/again.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/play.h"
#include "cli/say.h"
#include "cli/status.h"
#include "report/saved.h"

#define WORDS_MOST 1024 /* of a command line */
#define WORD_PLACE 2	/* "wringer run SCENARIO …" */

/* The cases, as `run` takes them. */
struct replay {
	const struct settings *settings; /* of the replay's own line */
	const struct saved *saved;
	struct play_case *cases;
	size_t case_count;
	struct text_list words;				      /* the scenarios' names and files, each once */
	struct settings run;				      /* as it was then; owns what words point to */
	char *args[WORDS_MOST + 1], *command[WORDS_MOST + 1]; /* of that run */
	bool *used;					      /* of settings->cases */
};

static bool is_failure(const struct result *result)
{
	return result->verdict == VERDICT_FAIL || result->verdict == VERDICT_BROKEN;
}

/* Whether that name means this case: the report's own title for it, or a glob for its scenario. */
static bool is_called(const struct replay *replay, const char *name, const struct result *result)
{
	struct buf title = {0};
	bool same = report_title(saved_head(replay->saved), result->scenario, result->target, result->round,
				 &title) == 0 &&
		    strcmp(title.data, name) == 0;

	buf_free(&title);
	return same || fnmatch(name, result->scenario, 0) == 0;
}

static bool is_wanted(struct replay *replay, const struct result *result)
{
	const struct text_list *names = &replay->settings->cases;
	bool wanted = names->count == 0;

	for (size_t i = 0; i < names->count; i++) {
		if (!is_called(replay, names->items[i], result))
			continue;
		replay->used[i] = wanted = true;
	}
	return wanted && is_failure(result);
}

static int add_word(struct replay *replay, const char *word)
{
	for (size_t i = 0; i < replay->words.count; i++)
		if (strcmp(replay->words.items[i], word) == 0)
			return 0;
	const char *kept = settings_keep(&replay->run, word);
	return kept ? text_list_add(&replay->words, kept) : -ENOMEM;
}

static int add_target(struct replay *replay, const char *target)
{
	struct text_list *targets = &replay->run.targets;

	for (size_t i = 0; i < targets->count; i++)
		if (strcmp(targets->items[i], target) == 0)
			return 0;
	const char *kept = settings_keep(&replay->run, target);
	return kept ? text_list_add(targets, kept) : -ENOMEM;
}

/* The server behind "--", if this line has one. */
static void take_command(struct replay *replay, char *const *args)
{
	size_t at = 0, count = 0;

	while (args[at] && strcmp(args[at], "--") != 0)
		at++;
	while (args[at] && args[++at])
		replay->command[count++] = args[at];
}

/* The first case's line tells how the whole run was called; of the others only the scenario is new. */
static int take_line(struct replay *replay, const char *again, struct error *error)
{
	bool first = !replay->args[0];
	char *other[WORDS_MOST + 1] = {0}, **args = first ? replay->args : other;
	char *line = (char *)settings_keep(&replay->run, again);
	int count = line ? shell_split(line, args, WORDS_MOST) : -ENOMEM;

	if (count == -ENOMEM)
		return error_set(error, count, "out of memory");
	if (count <= WORD_PLACE || strcmp(args[1], command_run.name) != 0)
		return error_set(error, -EBADMSG, "%s: \"%.60s\" is no `wringer run`",
				 saved_path(replay->saved), again);
	take_command(replay, args);
	if (add_word(replay, args[WORD_PLACE]) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	if (!first)
		return 0;
	struct words words;
	int r = options_parse(&command_run, count - 1, args + 1, &replay->run, &words, error);
	return r < 0 ? error_prefix(error, "%s", saved_path(replay->saved)) : 0;
}

static int add_case(struct replay *replay, const struct result *result, const char *again,
		    struct error *error)
{
	struct play_case *grown = realloc(replay->cases, (replay->case_count + 1) * sizeof *grown);
	int r;

	if (!grown)
		return error_set(error, -ENOMEM, "out of memory");
	replay->cases = grown;
	grown += replay->case_count++;
	*grown = (struct play_case){.round = result->round ? result->round : 1};
	result_text(grown->scenario, sizeof grown->scenario, result->scenario);
	result_text(grown->target, sizeof grown->target, result->target);
	r = take_line(replay, again, error);
	if (r == 0 && strcmp(result->target, COMMAND_TARGET) != 0 && add_target(replay, result->target) < 0)
		r = error_set(error, -ENOMEM, "out of memory");
	return r;
}

static int no_such_case(const struct replay *replay, const char *name, struct error *error)
{
	struct nearest nearest = nearest_begin(name);
	char hint[96];

	for (size_t i = 0; i < saved_count(replay->saved); i++) {
		struct result result;

		if (saved_case(replay->saved, i, &result, error) < 0)
			return -EBADMSG;
		nearest_offer(&nearest, result.scenario);
		result_free(&result);
	}
	return error_set(error, -ENOENT, "%s: no case there is called %s%s", saved_path(replay->saved), name,
			 nearest_hint(&nearest, hint, sizeof hint));
}

static int nothing(const struct replay *replay, bool failed, struct error *error)
{
	if (failed)
		return error_set(error, -ENOENT,
				 "%s does not say how its cases are run again: check, run "
				 "and contrast write that",
				 saved_path(replay->saved));
	return error_set(error, -ENOENT, "%s: nothing to replay, %s", saved_path(replay->saved),
			 replay->settings->cases.count ? "that case did not fail" : "no case failed");
}

static int gather(struct replay *replay, struct error *error)
{
	bool failed = false;
	int r = 0;

	replay->used = calloc(replay->settings->cases.count + 1, sizeof *replay->used);
	if (!replay->used)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < saved_count(replay->saved); i++) {
		const char *again = saved_again(replay->saved, i);
		struct result result;

		r = saved_case(replay->saved, i, &result, error);
		if (r < 0)
			return r;
		if (is_wanted(replay, &result)) {
			failed = true;
			r = again ? add_case(replay, &result, again, error) : 0;
		}
		result_free(&result);
	}
	for (size_t i = 0; r == 0 && i < replay->settings->cases.count; i++)
		if (!replay->used[i])
			r = no_such_case(replay, replay->settings->cases.items[i], error);
	if (r == 0 && replay->case_count == 0)
		r = nothing(replay, failed, error);
	return r;
}

/* What the replay's own line says comes on top. */
static int overlay(struct replay *replay, struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < replay->settings->given_count; i++) {
		const struct given *given = &replay->settings->given[i];

		if (given->on_line && given->row->commands & FOR_RUN)
			r = settings_set(&replay->run, given->row, given->value, true, error);
	}
	return r;
}

static int play_again(struct replay *replay)
{
	const struct report_head *head = saved_head(replay->saved);
	struct error error = {0};

	/* Each round has a seed of its own, counted from the run's. */
	replay->run.seed = head->seed;
	replay->run.seed_given = true;
	replay->run.repeat = head->rounds ? head->rounds : 1;
	if (overlay(replay, &error) < 0 || settings_load(&replay->run, FOR_RUN, &error) < 0)
		return say(&error);
	return play(&replay->run, &(struct play_order){
				      .words = (char *const *)replay->words.items,
				      .word_count = replay->words.count,
				      .command = replay->command[0] ? replay->command : NULL,
				      .cases = replay->cases,
				      .case_count = replay->case_count,
				  });
}

static int run(struct settings *settings, const struct words *words)
{
	struct replay replay = {.settings = settings};
	struct saved *saved = NULL;
	struct error error = {0};
	int status;

	if (words->count != 1 || words->command)
		return say_error("replay wants one JSON report; --json makes it");
	settings_init(&replay.run);
	if (saved_open(words->items[0], &saved, &error) < 0) {
		status = say(&error);
	} else {
		replay.saved = saved;
		status = gather(&replay, &error) < 0 ? say(&error) : play_again(&replay);
	}
	saved_free(saved);
	settings_free(&replay.run);
	free(replay.words.items);
	free(replay.cases);
	free(replay.used);
	return status;
}

const struct command command_replay = {
    .name = "replay",
    .bit = FOR_REPLAY,
    .usage = "[OPTIONS] REPORT.json [--case NAME]...",
    .doc = "run what failed in a report again",
    .about =
	"Takes a JSON report of check, run, contrast or merge and runs the cases again that failed or broke: "
	"the same scenarios, server, protocol and settings, each with the seed it had. Run it where the "
	"report "
	"was made: the command, and files that are named by relative paths, are looked for from here, "
	"and wringer.lua is read as it is now. Options given here come on top of those of that run. The exit "
	"status is that of run: 0 when nothing fails any more.",
    .run = run,
};
