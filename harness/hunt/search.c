/* SPDX-License-Identifier: MIT */
#include "hunt/search.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "hunt/batch.h"
#include "hunt/suspects.h"
#include "inject/schedule_lua.h"
#include "inject/schedule_shrink.h"
#include "run/suite.h"
#include "script/script.h"

#define BATCH_FIRST   16 /* tries of the first server: most mistakes show at once */
#define SUSPECT_TRUST 3	 /* so often in vain, and that suspicion ends no batch any more */
#define SHRINK_MOST   40 /* schedules played for it */
#define BROKEN_MOST   3	 /* batches in a row that our side could not play */

/* What came of one case. */
struct trial {
	enum verdict verdict;
	char reason[512];
	bool convicts; /* of what was asked about */
	struct search_finding finding;
	char peer[16]; /* whom it is about */
	uint64_t at;
};

struct search {
	const struct search_options *options;
	struct search_result *result;
	struct engine *engine;
	struct line *line;
	struct batch batch;
	uint64_t began, aside; /* ns that went into anything but searching */
	uint32_t vain[32];     /* for each bit of PENDING_*: batches it ended for nothing */
	uint32_t broken;
	const char *wanted; /* a rule: nothing else counts; NULL: any */
	struct trial trial; /* the last */
};

static bool stopped(const struct search *search)
{
	return search->options->stop && *search->options->stop;
}

static void tell(struct search *search)
{
	struct search_figures *figures = &search->result->figures;

	figures->seconds = clock_seconds(clock_now() - search->began);
	figures->searched = figures->seconds - clock_seconds(search->aside);
	figures->runs = search->line->runs;
	figures->moves = search->line->moves;
	figures->features = search->line->features;
	if (search->options->progress)
		search->options->progress(search->options->arg, figures);
}

static void on_progress(void *arg, const struct suite_progress *progress)
{
	(void)progress;
	tell(arg);
}

static void describe(const struct result_finding *from, struct search_finding *out)
{
	*out = (struct search_finding){.severity = from->finding.severity};
	result_text(out->rule, sizeof(out->rule), from->finding.rule->id);
	result_text(out->message, sizeof(out->message), from->finding.message);
}

static void once(struct search_finding *list, uint32_t *count, const struct search_finding *finding)
{
	for (uint32_t i = 0; i < *count; i++) {
		if (strcmp(list[i].rule, finding->rule) == 0)
			return;
	}
	if (*count < UNSURE_MOST)
		list[(*count)++] = *finding;
}

static bool wanted(const struct search *search, const char *rule)
{
	return !search->wanted || strcmp(search->wanted, rule) == 0;
}

/* The gravest finding that is wanted (they come in that order), or a verdict that no rule explains: the
 * target ended, an answer was wrong. */
static void convict(const struct search *search, const struct result *result, struct trial *trial)
{
	for (size_t i = 0; i < result->finding_count && !trial->convicts; i++) {
		const struct result_finding *one = &result->findings[i];

		if (one->finding.severity != SEVERITY_ERROR || !wanted(search, one->finding.rule->id))
			continue;
		trial->convicts = true;
		describe(one, &trial->finding);
		result_text(trial->peer, sizeof(trial->peer), one->peer);
		trial->at = one->finding.at;
	}
	if (result->verdict != VERDICT_FAIL || result_convicts(result) || !wanted(search, SEARCH_FAILED))
		return;
	trial->convicts = true;
	trial->finding = (struct search_finding){.rule = SEARCH_FAILED, .severity = SEVERITY_ERROR};
	result_text(trial->finding.message, sizeof(trial->finding.message), result->reason);
	trial->at = UINT64_MAX;
}

static void on_done(void *arg, const struct result *result)
{
	struct search *search = arg;
	struct trial *trial = &search->trial;

	*trial = (struct trial){.verdict = result->verdict};
	result_text(trial->reason, sizeof(trial->reason), result->reason);
	convict(search, result, trial);
	search->result->figures.servers++;
	for (size_t i = 0; i < result->finding_count; i++) {
		struct search_finding finding;

		describe(&result->findings[i], &finding);
		if (finding.severity == SEVERITY_WARNING)
			once(search->result->warnings, &search->result->warning_count, &finding);
	}
}

/* One case in a process of its own; search->trial says what came of it. 0 or a negative errno. */
static int play(struct search *search, const struct scenario *scenario, struct error *error)
{
	const struct suite_options options = {.jobs = 1, .stop = search->options->stop};
	const struct suite_ops ops = {.arg = search, .done = on_done, .progress = on_progress};
	const struct suite_case one = {.scenario = scenario, .options = search->options->base, .round = 1};
	struct suite_totals totals = {0};

	search->trial = (struct trial){.verdict = VERDICT_SKIP};
	return suite_run(&options, &one, 1, &ops, &totals, error);
}

/* Whether the schedule, alone on a fresh server, breaks what is wanted. */
static bool breaks(void *arg, const struct schedule *schedule)
{
	struct search *search = arg;
	const struct scenario scenario = batch_again(schedule);
	struct error error = {0};

	uint64_t began = clock_now();
	bool broken = !stopped(search) && play(search, &scenario, &error) == 0 && search->trial.convicts;

	search->aside += clock_now() - began;
	return broken;
}

/* What is left out must not be missed by chance. */
static bool breaks_surely(void *arg, const struct schedule *schedule)
{
	return breaks(arg, schedule) && breaks(arg, schedule);
}

/* Takes a schedule into the result as the one that did it. */
static void take(struct search *search, const struct schedule *schedule)
{
	struct search_result *result = search->result;

	result->found = true;
	result->finding = search->trial.finding;
	result->schedule = *schedule;
	if (schedule->count)
		memmove(result->moves, schedule->moves, schedule->count * MOVE_SIZE);
	result->schedule.moves = result->moves;
}

static bool try_suspect(struct search *search, const uint8_t *bytes, size_t size)
{
	struct schedule schedule = schedule_read(bytes, size);

	if (!breaks(search, &schedule))
		return false;
	take(search, &schedule);
	return true;
}

/* As the last try of a batch left it, with its peers there; as all others did, with its peers closed. */
static bool try_both(struct search *search, uint32_t at)
{
	const struct line_try *one = &search->line->tries[at];
	uint8_t closed[SCHEDULE_MOST];
	size_t size = suspects_close(one, closed, sizeof(closed));
	bool last = at + 1 == search->line->count;

	return (last && try_suspect(search, one->bytes, one->size)) || try_suspect(search, closed, size) ||
	       (!last && !stopped(search) && try_suspect(search, one->bytes, one->size));
}

/* The tries of the batch that may have done it, one by one and then together. */
static bool confirm(struct search *search, const struct trial *seen)
{
	const struct line *line = search->line;
	uint32_t suspects[SUSPECTS_MOST];
	size_t count = suspects_find(line, seen->peer, seen->at, suspects);
	uint8_t joined[SCHEDULE_MOST];
	bool found = false;

	search->result->figures.doing = "again";
	for (size_t i = 0; i < count && !found && !stopped(search); i++)
		found = try_both(search, suspects[i]);
	if (!found && count > 1 && !stopped(search))
		found = try_suspect(search, joined, suspects_join(line, suspects[0], joined, sizeof(joined)));
	return found;
}

static void shrink(struct search *search)
{
	struct search_result *result = search->result;
	char rule[sizeof(result->finding.rule)];
	struct schedule none = result->schedule;

	result->figures.doing = "shrinking";
	memcpy(rule, result->finding.rule, sizeof(rule));
	search->wanted = rule;
	/* often it is the server alone */
	none.count = 0;
	if (none.count < result->schedule.count && breaks_surely(search, &none))
		result->schedule = none;
	else
		(void)schedule_shrink(&result->schedule, result->moves, breaks_surely, search, SHRINK_MOST);
	search->wanted = NULL;
}

/* The scenario as its file is played: the message is that of the last time it did it. */
static int check(struct search *search, struct error *error)
{
	struct search_result *result = search->result;
	struct catalogue *catalogue = NULL;
	uint64_t began;
	int rc = catalogue_load(NULL, &catalogue, error);

	result->figures.doing = "checking";
	rc = rc ? rc : catalogue_add(catalogue, result->path, error);
	began = clock_now();
	search->wanted = result->finding.rule;
	for (; rc == 0 && result->again_of < SEARCH_AGAIN && !stopped(search); result->again_of++) {
		rc = play(search, catalogue_at(catalogue, 0), error);
		result->again += search->trial.convicts;
	}
	search->aside += clock_now() - began;
	search->wanted = NULL;
	catalogue_free(catalogue);
	return rc;
}

static int write_down(struct search *search, struct error *error)
{
	struct search_result *result = search->result;
	const struct schedule_story story = {
	    .rule = result->finding.rule,
	    .message = result->finding.message,
	    .protocol = search->options->base.protocol->name,
	};
	int rc = schedule_write(&result->schedule, &story, search->options->out, result->path,
				sizeof(result->path));

	return rc < 0 ? error_set(error, rc, "%s: %s", result->path, strerror(-rc)) : 0;
}

/* Written and played from its file. */
static int write_and_check(struct search *search, struct error *error)
{
	int rc = write_down(search, error);

	search->result->again = search->result->again_of = 0;
	return rc ? rc : check(search, error);
}

/* As short as it goes; where that turns out too short to do it again, as it was found. */
static int settle_on(struct search *search, struct error *error)
{
	struct search_result *result = search->result;
	struct schedule whole = result->schedule;
	uint8_t moves[SCHEDULE_MOST];
	int rc;

	memcpy(moves, result->moves, sizeof(moves));
	shrink(search);
	rc = write_and_check(search, error);
	if (rc < 0 || result->again || result->schedule.count == whole.count || stopped(search))
		return rc;
	memcpy(result->moves, moves, sizeof(moves));
	result->schedule = whole;
	result->schedule.moves = result->moves;
	return write_and_check(search, error);
}

/* Suspicion that came to nothing: what a correct server may leave pending ends no batch for ever. */
static void forgive(struct search *search)
{
	for (uint32_t bit = 0; bit < 32; bit++) {
		if (search->line->suspicion >> bit & 1 && ++search->vain[bit] >= SUSPECT_TRUST)
			search->batch.trusted |= 1u << bit;
	}
}

/* A batch that our side could not play. */
static int excuse(struct search *search, struct error *error)
{
	if (search->trial.verdict == VERDICT_SKIP || search->line->count == 0 ||
	    ++search->broken >= BROKEN_MOST)
		return error_set(error, -EIO, "%s", search->trial.reason);
	return 0;
}

/* 1: found; 0: on; or a negative errno. */
static int judge_batch(struct search *search, struct error *error)
{
	struct trial seen = search->trial;

	if (seen.convicts) {
		if (confirm(search, &seen))
			return 1;
		if (!stopped(search))
			once(search->result->unsure, &search->result->unsure_count, &seen.finding);
		search->result->figures.doing = "searching";
		return 0;
	}
	if (seen.verdict == VERDICT_BROKEN || seen.verdict == VERDICT_SKIP)
		return excuse(search, error);
	search->broken = 0;
	if (search->line->suspicion)
		forgive(search);
	else if (search->batch.most * 2 <= LINE_TRIES)
		search->batch.most *= 2;
	return 0;
}

static bool over(const struct search *search)
{
	const struct batch *batch = &search->batch;

	return (batch->runs && search->line->runs >= batch->runs) ||
	       (batch->until && clock_now() >= batch->until);
}

static int engine_ended(const struct search *search, struct error *error)
{
	char words[256];

	(void)engine_words(search->engine, words, sizeof(words));
	return error_set(error, -EPIPE, "the engine ended: %s", *words ? words : "it said nothing");
}

/* 1: found; 0: the search is over; or a negative errno. */
static int hunt(struct search *search, struct error *error)
{
	const struct scenario scenario = batch_scenario(&search->batch);
	int rc = 0;

	search->result->figures.doing = "searching";
	while (rc == 0 && !over(search)) {
		search->line->count = 0;
		rc = play(search, &scenario, error);
		if (rc == 0)
			rc = judge_batch(search, error);
		if (rc == 0 && stopped(search))
			return -EINTR;
		if (rc == 0 && search->line->engine_over)
			rc = engine_ended(search, error);
	}
	return rc;
}

int search_run(const struct search_options *options, struct search_result *ret_result, struct error *error)
{
	struct search search = {.options = options, .result = ret_result, .began = clock_now()};
	int rc;

	memset(ret_result, 0, sizeof(*ret_result));
	rc = engine_start(&options->engine, &search.engine, error);
	if (rc < 0)
		return rc;
	search.line = engine_line(search.engine);
	search.batch = (struct batch){
	    .line = search.line,
	    .socket = engine_socket(search.engine),
	    .most = BATCH_FIRST,
	    .runs = options->runs,
	    .until = options->duration ? search.began + options->duration : 0,
	};
	rc = hunt(&search, error);
	if (rc == 1)
		rc = settle_on(&search, error);
	tell(&search);
	engine_end(search.engine);
	return rc;
}
