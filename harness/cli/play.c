/* SPDX-License-Identifier: MIT */
#include "cli/play.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/again.h"
#include "cli/plan.h"
#include "cli/prepare.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "report/contrast.h"
#include "target/sandbox.h"

struct playing {
	struct settings *settings;
	char **command;
	struct protocol *protocol;
	const struct watch_ops *watch;
	struct selection selection;
	struct plan plan;
	struct again again;
	struct report_head head;
	struct session session;
	struct contrast *contrast; /* NULL: none is wanted */
};

#define NAME_SIZE sizeof((struct play_case *)0)->scenario /* a report cuts longer names */

static bool is_among(const struct play_order *order, const struct suite_case *one)
{
	for (size_t i = 0; i < order->case_count; i++)
		if (order->cases[i].round == one->round &&
		    strncmp(order->cases[i].scenario, one->scenario->name, NAME_SIZE - 1) == 0 &&
		    strncmp(order->cases[i].target, one->options.target_name, NAME_SIZE - 1) == 0)
			return true;
	return false;
}

/* Leaves the ordered cases of the plan. */
static int keep_cases(struct plan *plan, const struct play_order *order, struct error *error)
{
	size_t kept = 0;

	if (!order->cases)
		return 0;
	for (size_t i = 0; i < plan->count; i++)
		if (is_among(order, &plan->cases[i]))
			plan->cases[kept++] = plan->cases[i];
	plan->count = kept;
	return kept ? 0 : error_set(error, -ENOENT, "no scenario selected: none of those is there any more");
}

static int prepare(struct playing *playing, const struct play_order *order, struct error *error)
{
	struct settings *settings = playing->settings;
	int r = playing->command ? plan_find_command(playing->command[0], error) : 0;

	if (r == 0)
		r = settings_check_rules(settings, error);
	if (r == 0)
		r = prepare_peers(settings, error);
	if (r == 0)
		r = prepare_seed(settings, error);
	if (r == 0)
		r = prepare_protocol(settings, !playing->command, &playing->protocol, error);
	if (r == 0)
		r = plan_targets(settings, playing->command, playing->protocol->name, &playing->plan, error);
	if (r == 0)
		r = plan_watch(&playing->plan, settings->watch, &playing->watch, error);
	if (r == 0)
		r = select_scenarios(settings, order->words, order->word_count, playing->protocol,
				     &playing->selection, error);
	if (r == 0)
		r = plan_cases(settings, &playing->selection, playing->protocol, playing->watch,
			       &playing->plan, error);
	return r == 0 ? keep_cases(&playing->plan, order, error) : r;
}

static const char *scenario_word(void *arg, const char *name)
{
	const struct selection *selection = arg;
	const char *folder = script_folder();
	size_t size = folder ? strlen(folder) : 0;

	for (size_t i = 0; i < selection->count; i++) {
		const struct scenario *scenario = selection->chosen[i];
		if (strcmp(scenario->name, name) != 0)
			continue;
		/* One of wringer's own is known by its name wherever it is run. */
		if (!scenario->file || (size && strncmp(scenario->file, folder, size) == 0))
			return name;
		return scenario->file;
	}
	return name;
}

static void make_head(struct playing *playing, bool all)
{
	const struct settings *settings = playing->settings;
	struct report_head *head = &playing->head;

	session_head(settings, head);
	playing->again =
	    (struct again){playing->settings, playing->command, scenario_word, &playing->selection};
	head->target = playing->plan.names;
	head->protocol = playing->protocol->name;
	head->watch = playing->watch->name;
	head->command = playing->plan.target_count == 1 ? playing->plan.targets[0].argv : NULL;
	head->planned = (uint32_t)playing->plan.count;
	head->targets = (uint32_t)playing->plan.target_count;
	head->shard = (uint32_t)settings->shard;
	head->shards = (uint32_t)settings->shards;
	head->plan = playing->plan.sum;
	head->complete = all && !settings->scenarios.count && !settings->excludes.count &&
			 !settings->shards && !settings->rules;
	head->again = again_line;
	head->again_arg = &playing->again;
}

static void tell_unfit(const struct playing *playing)
{
	const struct selection *selection = &playing->selection;
	struct buf names = {0};

	if (!playing->settings->verbose || !selection->unfit_count)
		return;
	for (size_t i = 0; i < selection->unfit_count; i++)
		(void)buf_printf(&names, "%s%s", i ? ", " : "", selection->unfit[i]->name);
	say_note("left out, for they need what %s does not offer: %s", playing->protocol->name,
		 names.size ? names.data : "");
	buf_free(&names);
}

static int dry_run(const struct playing *playing)
{
	struct buf line = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < playing->plan.count; i++) {
		const struct suite_case *one = &playing->plan.cases[i];
		r = again_line((void *)&playing->again, one->scenario->name, one->options.target_name,
			       one->round, &line);
		if (r == 0)
			r = buf_puts(&line, "\n");
	}
	if (r == 0)
		(void)fwrite(line.data, 1, line.size, stdout);
	buf_free(&line);
	return r == 0 ? STATUS_PASSED : say_error("out of memory");
}

static void on_case(void *arg, const struct result *result)
{
	struct playing *playing = arg;

	session_case(&playing->session, result);
	if (playing->contrast && contrast_add(playing->contrast, result) < 0)
		(void)say_error("out of memory: %s on %s is missing from the table", result->scenario,
				result->target);
}

static void on_progress(void *arg, const struct suite_progress *progress)
{
	struct playing *playing = arg;

	session_progress(&playing->session, progress);
}

/*
 * How many cases side by side, 0 as many as there are cores. Without a namespace for each, a command that
 * insists on its port would find it taken by the case beside it: then one after the other, unless told.
 */
static uint32_t jobs_of(const struct playing *playing)
{
	const struct settings *settings = playing->settings;
	struct error refused = {0};

	if (settings->jobs || !playing->command)
		return (uint32_t)settings->jobs;
	return settings->no_sandbox || sandbox_probe(&refused) < 0 ? 1 : 0;
}

/* Where it was ready in other cases, it may be the cases beside them that kept it from it. */
static void on_unready(void *arg, const struct start_record *record)
{
	const struct playing *playing = arg;

	if (record->left_out > 0)
		say_note("%s never came to answer in its first %u cases, so its other %u were not run",
			 record->target, record->unready, record->left_out);
	else if (record->ready > 0 && jobs_of(playing) != 1)
		say_note(
		    "%s never came to answer in %u of %u cases; if two of it cannot run side by side (a file "
		    "both write, a "
		    "UNIX socket), give -j 1; if it is slow to start, --time-scale",
		    record->target, record->unready, record->ready + record->unready);
}

static const char *doc_of(void *arg, const char *name)
{
	const struct selection *selection = arg;

	for (size_t i = 0; i < selection->count; i++)
		if (strcmp(selection->chosen[i]->name, name) == 0)
			return selection->chosen[i]->doc;
	return NULL;
}

static void print_contrast(struct playing *playing)
{
	const struct plan *plan = &playing->plan;
	const char **names = calloc(plan->target_count, sizeof *names);
	struct buf text = {0};
	int r = names ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < plan->target_count; i++)
		names[i] = plan->targets[i].name;
	const struct contrast_order order = {names, plan->target_count, doc_of, &playing->selection};
	if (r == 0)
		r = contrast_put(playing->contrast, &order, terminal_style(playing->session.terminal), &text);
	if (r == 0 && text.size)
		session_print(&playing->session, text.data);
	if (r < 0)
		(void)say_error("out of memory");
	buf_free(&text);
	free(names);
}

static int make_keep(const char *folder, struct error *error)
{
	struct stat found;

	if (!folder || mkdir(folder, 0777) == 0)
		return 0;
	int code = errno;
	if (code == EEXIST && stat(folder, &found) == 0 && S_ISDIR(found.st_mode))
		return 0;
	return error_set(error, -code, "cannot keep files in %s: %s", folder,
			 strerror(code == EEXIST ? ENOTDIR : code));
}

static int perform(struct playing *playing)
{
	const struct settings *settings = playing->settings;
	struct suite_options options = {jobs_of(playing), settings->keep, settings->leave, signals_stop()};
	struct suite_ops ops = {
	    .arg = playing, .done = on_case, .progress = on_progress, .unready = on_unready};
	struct suite_totals totals = {0}, *counted = &playing->session.totals;
	struct error error = {0};

	signals_take();
	if (make_keep(settings->keep, &error) < 0 ||
	    session_open(settings, &playing->head, false, &playing->session, &error) < 0)
		return say(&error);
	tell_unfit(playing);
	int r = suite_run(&options, playing->plan.cases, playing->plan.count, &ops, &totals, &error);
	/* What was told is what counts, also when the suite broke off. */
	counted->not_run = totals.not_run;
	if (playing->contrast)
		print_contrast(playing);
	bool whole = session_close(&playing->session, counted);
	if (r < 0 && r != -EINTR)
		(void)say(&error);
	return status_of_run(counted, r < 0 || !whole);
}

int play(struct settings *settings, const struct play_order *order)
{
	struct playing playing = {.settings = settings, .command = order->command};
	struct error error = {0};
	int status;

	if (order->command && settings->targets.count && !order->contrast && !order->cases)
		return say_error("--target and a command behind -- are two servers; give one of them");
	if (order->contrast && !(playing.contrast = contrast_new()))
		return say_error("out of memory");
	if (prepare(&playing, order, &error) < 0) {
		status = say(&error);
	} else {
		make_head(&playing, order->word_count == 0);
		status = settings->dry_run ? dry_run(&playing) : perform(&playing);
	}
	contrast_free(playing.contrast);
	plan_free(&playing.plan);
	selection_free(&playing.selection);
	protocol_free(playing.protocol);
	return status;
}
