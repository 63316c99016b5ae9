/* SPDX-License-Identifier: MIT */
/* `wringer fuzz`: a search for what breaks an unmodified server. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "cli/again.h"
#include "cli/command.h"
#include "cli/plan.h"
#include "cli/prepare.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "hunt/search.h"
#include "script/script.h"

#define LINE_EVERY (10 * NS_PER_S) /* where no line can be written over */

struct fuzzing {
	struct settings *settings;
	char **command; /* NULL: a reference target */
	struct plan plan;
	struct protocol *protocol;
	const struct watch_ops *watch;
	struct style style;
	bool live;     /* standard output is a terminal whose line is written over */
	uint64_t told; /* clock_now() time of the last line */
	char engine[PATH_MAX];
	struct search_options options;
	struct search_result result;
};

static double rate(const struct search_figures *figures)
{
	return figures->searched > 0 ? (double)figures->runs / figures->searched : 0;
}

static void on_progress(void *arg, const struct search_figures *figures)
{
	struct fuzzing *fuzzing = arg;
	uint64_t now = clock_now();

	if (fuzzing->settings->quiet || fuzzing->settings->no_progress ||
	    (!fuzzing->live && now - fuzzing->told < LINE_EVERY))
		return;
	fuzzing->told = now;
	(void)printf("%s%s: %.0f s, %" PRIu64 " tries, %.0f a second, %" PRIu32 " signs, %" PRIu32
		     " servers%s",
		     fuzzing->live ? "\r\033[K" : "", figures->doing, figures->seconds, figures->runs,
		     rate(figures), figures->features, figures->servers, fuzzing->live ? "" : "\n");
	(void)fflush(stdout);
}

static int check_folder(const char *folder, const char *what, bool make, struct error *error)
{
	struct stat found;

	if (make && mkdir(folder, 0777) < 0 && errno != EEXIST)
		return error_set(error, -errno, "%s: %s cannot be written there: %s", folder, what,
				 strerror(errno));
	if (stat(folder, &found) < 0)
		return error_set(error, -errno, "%s: %s", folder, strerror(errno));
	if (!S_ISDIR(found.st_mode))
		return error_set(error, -ENOTDIR, "%s: %s", folder, strerror(ENOTDIR));
	if (access(folder, W_OK | X_OK) < 0)
		return error_set(error, -errno, "%s: %s cannot be written there: %s", folder, what,
				 strerror(errno));
	return 0;
}

static int check_protocol(const struct fuzzing *fuzzing, struct error *error)
{
	if (fuzzing->protocol->offers & PROTOCOL_REQUEST)
		return 0;
	return error_set(error, -EINVAL, "the protocol %s has no requests to search with",
			 fuzzing->protocol->name);
}

static int find_watch(struct fuzzing *fuzzing, struct error *error)
{
	int r = plan_watch(&fuzzing->plan, fuzzing->settings->watch, &fuzzing->watch, error);

	if (r == 0 && strcmp(fuzzing->watch->name, "none") == 0)
		r = error_set(error, -EINVAL, "watching by none sees nothing that could lead a search");
	return r;
}

static int prepare(struct fuzzing *fuzzing, struct error *error)
{
	struct settings *settings = fuzzing->settings;
	int r = fuzzing->command ? plan_find_command(fuzzing->command[0], error) : 0;

	if (r == 0)
		r = settings_check_rules(settings, error);
	if (r == 0)
		r = prepare_seed(settings, error);
	if (r == 0)
		r = prepare_protocol(settings, !fuzzing->command, &fuzzing->protocol, error);
	if (r == 0)
		r = check_protocol(fuzzing, error);
	if (r == 0)
		r = plan_targets(settings, fuzzing->command, fuzzing->protocol->name, &fuzzing->plan, error);
	if (r == 0)
		r = find_watch(fuzzing, error);
	if (r == 0 && settings->corpus)
		r = check_folder(settings->corpus, "new schedules", false, error);
	if (r == 0)
		r = check_folder(settings->out ? settings->out : ".", "the scenario of a finding",
				 settings->out != NULL, error);
	return r;
}

static void choose(struct fuzzing *fuzzing)
{
	const struct settings *settings = fuzzing->settings;
	const struct plan_target *target = &fuzzing->plan.targets[0];

	fuzzing->options = (struct search_options){
	    .base =
		{
		    .target_name = target->name,
		    .argv = target->argv,
		    .protocol = fuzzing->protocol,
		    .watch = fuzzing->watch,
		    .port = (uint16_t)settings->port,
		    .sandbox = true,
		    .seed = settings->seed,
		    .time_scale = settings->time_scale,
		    .rules = settings->rules,
		    .ignores = &settings->ignores,
		    .settings = settings->defines,
		    .setting_count = settings->define_count,
		},
	    .engine =
		{
		    .program = engine_find(fuzzing->engine, sizeof fuzzing->engine) ? fuzzing->engine : NULL,
		    .corpus = settings->corpus,
		    .seed = settings->seed,
		},
	    .out = settings->out ? settings->out : ".",
	    .runs = settings->runs,
	    .duration = settings->search,
	    .stop = signals_stop(),
	    .progress = on_progress,
	    .arg = fuzzing,
	};
}

/* word: NULL for the finding's own severity. */
static void print_finding(const struct fuzzing *fuzzing, const struct search_finding *finding,
			  const char *word)
{
	struct buf text = {0};

	(void)style_put(&fuzzing->style, word ? TINT_DIM : style_severity_tint(finding->severity),
			word ? word : severity_name(finding->severity), &text);
	(void)buf_puts(&text, " ");
	(void)style_put(&fuzzing->style, TINT_BOLD, finding->rule, &text);
	(void)buf_puts(&text, ": ");
	(void)style_put(&fuzzing->style, TINT_NONE, finding->message, &text);
	(void)printf("%s\n", text.size ? text.data : finding->rule);
	buf_free(&text);
}

static const char *file_word(void *arg, const char *name)
{
	(void)name;
	return arg;
}

static void print_found(const struct fuzzing *fuzzing)
{
	const struct search_result *result = &fuzzing->result;
	const struct again again = {fuzzing->settings, fuzzing->command, file_word, (void *)result->path};
	struct buf line = {0};

	print_finding(fuzzing, &result->finding, NULL);
	if (again_line((void *)&again, "", fuzzing->plan.targets[0].name, 0, &line) == 0)
		(void)printf("%zu move%s, %" PRIu32 " of %" PRIu32 " times again: %s\n",
			     result->schedule.count, result->schedule.count == 1 ? "" : "s", result->again,
			     result->again_of, line.data);
	buf_free(&line);
}

static void print_summary(const struct fuzzing *fuzzing)
{
	const struct search_result *result = &fuzzing->result;
	const struct search_figures *figures = &result->figures;

	if (fuzzing->live)
		(void)fputs("\r\033[K", stdout);
	for (uint32_t i = 0; i < result->warning_count; i++)
		print_finding(fuzzing, &result->warnings[i], NULL);
	for (uint32_t i = 0; i < result->unsure_count; i++)
		print_finding(fuzzing, &result->unsure[i], "unsure, not again on a fresh server:");
	if (result->found)
		print_found(fuzzing);
	(void)printf("%s after %.1f s: %" PRIu64 " tries, %.0f a second, %" PRIu64
		     " moves; %.1f s in all, %" PRIu32 " servers, %s, seed %" PRIu64 "\n",
		     result->found ? "found" : "nothing found", figures->searched, figures->runs,
		     rate(figures), figures->moves, figures->seconds, figures->servers,
		     fuzzing->options.engine.program ? "libFuzzer"
						     : "the plain engine (libFuzzer was not built)",
		     fuzzing->settings->seed);
}

static int perform(struct fuzzing *fuzzing)
{
	struct error error = {0};

	signals_take();
	session_style(fuzzing->settings, stdout, &fuzzing->style);
	fuzzing->live = isatty(STDOUT_FILENO) && !fuzzing->settings->quiet && !fuzzing->settings->no_progress;
	fuzzing->told = clock_now();
	choose(fuzzing);
	int r = search_run(&fuzzing->options, &fuzzing->result, &error);
	if (fuzzing->result.figures.runs || r >= 0)
		print_summary(fuzzing);
	if (r < 0 && r != -EINTR)
		return fuzzing->result.found ? say(&error), STATUS_FAILED : say(&error);
	if (fuzzing->result.found)
		return STATUS_FAILED;
	/* What was asked for was not done. */
	return r == -EINTR && (fuzzing->settings->search || fuzzing->settings->runs) ? STATUS_OURS
										     : STATUS_PASSED;
}

static int fuzz(struct settings *settings, const struct words *words)
{
	struct fuzzing *fuzzing = calloc(1, sizeof *fuzzing);
	struct error error = {0};

	if (!fuzzing)
		return say_error("out of memory");
	fuzzing->settings = settings;
	fuzzing->command = words->command;
	int status;
	if (words->count)
		status =
		    say_error("put -- before the command: wringer fuzz [OPTIONS] -- %s …", words->items[0]);
	else if ((words->command != NULL) + settings->targets.count != 1)
		status = say_error("give one server to search: its command behind --, or --target");
	else if (prepare(fuzzing, &error) < 0)
		status = say(&error);
	else
		status = perform(fuzzing);
	plan_free(&fuzzing->plan);
	protocol_free(fuzzing->protocol);
	free(fuzzing);
	return status;
}

const struct command command_fuzz = {
    .name = "fuzz",
    .bit = FOR_FUZZ,
    .usage = "[OPTIONS] -- COMMAND [ARG...]",
    .doc = "search for what breaks a server",
    .about =
	"Makes up schedules, what a few peers do and what befalls the server's calls meanwhile, and tries "
	"one "
	"after the other on the running server, with the canary asking. What the watcher sees leads the "
	"search: "
	"reports, the calls that answer them and their results, how peers are answered. A server is kept as "
	"long as it seems healthy, then left alone and judged by all rules, and replaced. What breaks a rule "
	"of "
	"severity error is played again alone on a fresh server, shortened, written to a scenario file, and "
	"the "
	"command that replays it is printed. The engine is libFuzzer where wringer was built with clang at "
	"hand. Timing has its part in what is found: a seed does not repeat a search.",
    .run = fuzz,
};
