/* SPDX-License-Identifier: MIT */
#include "hunt/search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "hunt/batch.h"
#include "hunt/suspects.h"
#include "inject/schedule_lua.h"
#include "inject/schedule_shrink.h"
#include "run/suite.h"
#include "script/script.h"

#define BATCH_FIRST   16	      /* tries of the first server: most mistakes show at once */
#define SUSPECT_TRUST 3		      /* so often in vain, and that suspicion ends no batch any more */
#define SHRINK_MOST   40	      /* schedules played for it */
#define BROKEN_MOST   3		      /* batches in a row that our side could not play */
#define BATCH_TIMEOUT (60 * NS_PER_S) /* it waits for its turn, and may be judged for long */

/* What came of one case. */
struct trial {
	enum verdict verdict;
	char reason[512];
	bool convicts; /* of what was asked about */
	struct search_finding finding;
	char peer[16]; /* whom it is about */
	uint64_t at;
};

/* A batch under way. */
struct lane {
	struct batch batch;
	struct scenario scenario;
	struct suite_case item;
	bool used, convicted;
	struct trial seen; /* what convicted it, and is still to be confirmed */
};

struct search {
	const struct search_options *options;
	struct search_result *result;
	struct engine *engine;
	struct line *line;
	struct lane lanes[LINE_TURNS]; /* each with the turn of its number */
	int baton[2];
	uint64_t began, aside; /* ns that went into anything but searching … */
	uint64_t aside_since;  /* … and since when that is so now, 0: it is not */
	uint32_t vain[32];     /* for each bit of PENDING_*: batches it ended for nothing */
	uint32_t broken;
	struct search_result weak; /* found: its file never did it again; told when nothing better is found */
	bool enough;		   /* the batches under way do not matter any more */
	int problem;		   /* a negative errno: the search cannot go on */
	struct error *error;
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
	uint64_t now = clock_now(), aside = search->aside;

	if (search->aside_since)
		aside += now - search->aside_since;
	figures->seconds = clock_seconds(now - search->began);
	figures->searched = figures->seconds - clock_seconds(aside);
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

static struct trial trial_of(struct search *search, const struct result *result)
{
	struct trial trial = {.verdict = result->verdict};

	result_text(trial.reason, sizeof(trial.reason), result->reason);
	convict(search, result, &trial);
	search->result->figures.servers++;
	for (size_t i = 0; i < result->finding_count; i++) {
		struct search_finding finding;

		describe(&result->findings[i], &finding);
		if (finding.severity == SEVERITY_WARNING)
			once(search->result->warnings, &search->result->warning_count, &finding);
	}
	return trial;
}

/* A scenario that is played some times, each time in a process of its own, side by side as far as there are
 * cores. */
struct replay {
	struct search *search;
	struct suite_case items[SEARCH_AGAIN];
	uint32_t times, given, done, convicted;
	bool all; /* once one has not convicted the others do not matter */
};

static void on_replay(void *arg, const struct result *result)
{
	struct replay *replay = arg;
	struct trial trial = trial_of(replay->search, result);

	replay->done++;
	replay->convicted += trial.convicts;
	if (trial.convicts || !replay->convicted)
		replay->search->trial = trial;
}

static void on_replay_progress(void *arg, const struct suite_progress *progress)
{
	(void)progress;
	tell(((struct replay *)arg)->search);
}

static const struct suite_case *next_replay(void *arg)
{
	struct replay *replay = arg;

	if (replay->given == replay->times || (replay->all && replay->convicted < replay->done) ||
	    stopped(replay->search))
		return NULL;
	return &replay->items[replay->given++];
}

/* replay->times and all are set; search->trial says what came of one that convicted the server, or else of
 * the last. 0 or a negative errno. */
static int play(struct search *search, const struct scenario *scenario, struct replay *replay,
		struct error *error)
{
	const struct suite_options options = {.stop = search->options->stop};
	const struct suite_ops ops = {
	    .arg = replay, .done = on_replay, .progress = on_replay_progress, .next = next_replay};
	struct suite_totals totals = {0};
	int rc;

	replay->search = search;
	for (uint32_t i = 0; i < replay->times; i++)
		replay->items[i] = (struct suite_case){
		    .scenario = scenario, .options = search->options->base, .round = i + 1};
	search->trial = (struct trial){.verdict = VERDICT_SKIP};
	search->aside_since = clock_now();
	rc = suite_run(&options, NULL, 0, &ops, &totals, error);
	search->aside += clock_now() - search->aside_since;
	search->aside_since = 0;
	return rc;
}

/* Whether the schedule, alone on a fresh server, breaks what is wanted, so many times of as many. */
static bool breaks_times(struct search *search, const struct schedule *schedule, uint32_t times)
{
	const struct scenario scenario = batch_again(schedule);
	struct replay replay = {.times = times, .all = true};
	struct error error = {0};

	return !stopped(search) && play(search, &scenario, &replay, &error) == 0 && replay.convicted == times;
}

static bool breaks(struct search *search, const struct schedule *schedule)
{
	return breaks_times(search, schedule, 1);
}

/* What is left out must not be missed by chance. */
static bool breaks_surely(void *arg, const struct schedule *schedule)
{
	return breaks_times(arg, schedule, 2);
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
static bool try_both(struct search *search, const struct line_turn *turn, uint32_t at)
{
	const struct line_try *one = &turn->tries[at];
	uint8_t closed[SCHEDULE_MOST];
	size_t size = suspects_close(one, closed, sizeof(closed));
	bool last = at + 1 == turn->count;

	return (last && try_suspect(search, one->bytes, one->size)) || try_suspect(search, closed, size) ||
	       (!last && !stopped(search) && try_suspect(search, one->bytes, one->size));
}

/* The tries of the batch that may have done it, one by one and then together. */
static bool confirm(struct search *search, const struct line_turn *turn, const struct trial *seen)
{
	uint32_t suspects[SUSPECTS_MOST];
	size_t count = suspects_find(turn, seen->peer, seen->at, suspects);
	uint8_t joined[SCHEDULE_MOST];
	bool found = false;

	search->result->figures.doing = "again";
	for (size_t i = 0; i < count && !found && !stopped(search); i++)
		found = try_both(search, turn, suspects[i]);
	if (!found && count > 1 && !stopped(search))
		found = try_suspect(search, joined, suspects_join(turn, suspects[0], joined, sizeof(joined)));
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
	struct replay replay = {.times = SEARCH_AGAIN};
	int rc = catalogue_load(NULL, &catalogue, error);

	result->figures.doing = "checking";
	rc = rc ? rc : catalogue_add(catalogue, result->path, error);
	search->wanted = result->finding.rule;
	if (rc == 0 && !stopped(search))
		rc = play(search, catalogue_at(catalogue, 0), &replay, error);
	result->again = replay.convicted;
	result->again_of = replay.done;
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
static void forgive(struct search *search, uint32_t suspicion)
{
	for (uint32_t bit = 0; bit < 32; bit++) {
		if (suspicion >> bit & 1 && ++search->vain[bit] >= SUSPECT_TRUST)
			atomic_fetch_or(&search->line->trusted, 1u << bit);
	}
}

static const struct batch *any_batch(const struct search *search)
{
	return &search->lanes[0].batch;
}

static bool over(const struct search *search)
{
	return batch_search_over(any_batch(search));
}

/* A batch that our side could not play, unless it had nothing to do. */
static void excuse(struct search *search, const struct line_turn *turn, const struct trial *trial)
{
	if (turn->count == 0 && trial->verdict == VERDICT_SKIP && over(search))
		return;
	if (trial->verdict != VERDICT_SKIP && turn->count != 0 && ++search->broken < BROKEN_MOST)
		return;
	search->problem = error_set(search->error, -EIO, "%s", trial->reason);
	atomic_store(&search->line->halt, 1);
}

/* Whether that was seen before, and not again alone. */
static bool is_unsure(const struct search *search, const char *rule)
{
	for (uint32_t i = 0; i < search->result->unsure_count; i++) {
		if (strcmp(search->result->unsure[i].rule, rule) == 0)
			return true;
	}
	return false;
}

/* One that convicts the server keeps its lane until that is confirmed: its tries are asked for. The others
 * are not waited for, unless what it is about may come to nothing again. */
static void judge_batch(struct search *search, struct lane *lane, const struct trial *trial)
{
	const struct line_turn *turn = &search->line->turns[lane->batch.turn];

	lane->seen = *trial;
	if (trial->convicts) {
		atomic_store(&search->line->halt, 1);
		lane->convicted = true;
		search->enough |= !is_unsure(search, trial->finding.rule);
		return;
	}
	lane->used = false;
	atomic_store(&search->line->turns[lane->batch.turn].state, TURN_NONE);
	if (trial->verdict == VERDICT_BROKEN || trial->verdict == VERDICT_SKIP) {
		excuse(search, turn, trial);
		return;
	}
	search->broken = 0;
	forgive(search, turn->suspicion);
}

static void on_batch(void *arg, const struct result *result)
{
	struct search *search = arg;
	struct lane *lane = &search->lanes[result->round - 1];
	struct trial trial = trial_of(search, result);

	/* one that was killed did not pass it on */
	if (atomic_load(&search->line->holder) == lane->batch.turn + 1)
		batch_pass_baton(&lane->batch);
	judge_batch(search, lane, &trial);
}

/* There is always one server ready, and never two. */
static const struct suite_case *next_batch(void *arg)
{
	struct search *search = arg;
	struct lane *free = NULL;

	if (over(search) || stopped(search))
		return NULL;
	for (size_t i = 0; i < LINE_TURNS; i++) {
		struct lane *lane = &search->lanes[i];

		if (!lane->used)
			free = lane;
		else if (atomic_load(&search->line->turns[i].state) == TURN_WAITS)
			return NULL;
	}
	if (free) {
		struct line_turn *turn = &search->line->turns[free->batch.turn];

		free->used = true;
		turn->count = turn->suspicion = 0;
		atomic_store(&turn->state, TURN_WAITS);
	}
	return free ? &free->item : NULL;
}

static bool enough(void *arg)
{
	return ((const struct search *)arg)->enough;
}

/* Batches until one convicts the server, or the search is over. 0 or a negative errno. */
static int play_batches(struct search *search, struct error *error)
{
	const struct suite_options options = {.jobs = LINE_TURNS, .stop = search->options->stop};
	const struct suite_ops ops = {
	    .arg = search, .done = on_batch, .progress = on_progress, .next = next_batch, .enough = enough};
	struct suite_totals totals = {0};
	int rc;

	search->result->figures.doing = "searching";
	atomic_store(&search->line->halt, 0);
	for (size_t i = 0; i < LINE_TURNS; i++) {
		search->lanes[i].used = search->lanes[i].convicted = false;
		atomic_store(&search->line->turns[i].state, TURN_NONE);
	}
	search->enough = false;
	rc = suite_run(&options, NULL, 0, &ops, &totals, error);
	/* who was ended with the baton did not pass it on */
	if (atomic_load(&search->line->holder) != 0)
		batch_pass_baton(any_batch(search));
	if (rc == -EINTR && search->enough && !stopped(search))
		rc = 0;
	return rc < 0 ? rc : search->problem;
}

/* 1: found; 0: on. */
static int confirm_all(struct search *search)
{
	bool found = false;

	for (size_t i = 0; i < LINE_TURNS && !found && !stopped(search); i++) {
		struct lane *lane = &search->lanes[i];

		if (!lane->convicted)
			continue;
		found = confirm(search, &search->line->turns[i], &lane->seen);
		if (!found && !stopped(search))
			once(search->result->unsure, &search->result->unsure_count, &lane->seen.finding);
	}
	return found;
}

static int engine_ended(const struct search *search, struct error *error)
{
	char words[256];

	(void)engine_words(search->engine, words, sizeof(words));
	return error_set(error, -EPIPE, "the engine ended: %s", *words ? words : "it said nothing");
}

/* What does not happen again from its file is kept, and the search goes on as long as it may. */
static bool is_weak(struct search *search)
{
	struct search_result *result = search->result;

	if (result->again || stopped(search) || over(search))
		return false;
	if (!search->weak.found)
		search->weak = *result;
	once(result->unsure, &result->unsure_count, &result->finding);
	result->found = false;
	return true;
}

/* The first of those, if there was nothing better. */
static int fall_back(struct search *search)
{
	struct search_result *result = search->result, now = *result;

	if (!search->weak.found)
		return 0;
	*result = search->weak;
	result->schedule.moves = result->moves;
	result->figures = now.figures;
	memcpy(result->unsure, now.unsure, sizeof(now.unsure));
	result->unsure_count = now.unsure_count;
	memcpy(result->warnings, now.warnings, sizeof(now.warnings));
	result->warning_count = now.warning_count;
	return 1;
}

/* 1: found; 0: the search is over; or a negative errno. */
static int hunt(struct search *search, struct error *error)
{
	int rc = 0;

	search->error = error;
	for (bool more = true; rc == 0 && more; more = !over(search)) {
		rc = play_batches(search, error);
		if (rc == 0)
			rc = confirm_all(search);
		atomic_store(&search->line->halt, 0);
		if (rc == 1) {
			rc = settle_on(search, error);
			if (rc < 0 || !is_weak(search))
				return rc < 0 ? rc : 1;
		}
		if (rc == 0 && stopped(search))
			return fall_back(search) ? 1 : -EINTR;
		if (rc == 0 && search->line->engine_over)
			rc = engine_ended(search, error);
	}
	return rc < 0 ? rc : fall_back(search);
}

static int open_baton(struct search *search, struct error *error)
{
	if (pipe2(search->baton, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(error, -errno, "a pipe for the servers' turns: %s", strerror(errno));
	return 0;
}

static void open_lanes(struct search *search)
{
	const struct search_options *options = search->options;

	search->line->most = BATCH_FIRST;
	for (uint32_t i = 0; i < LINE_TURNS; i++) {
		struct lane *lane = &search->lanes[i];

		lane->batch = (struct batch){
		    .line = search->line,
		    .socket = engine_socket(search->engine),
		    .baton = {search->baton[0], search->baton[1]},
		    .turn = i,
		    .runs = options->runs,
		    .until = options->duration ? search->began + options->duration : 0,
		};
		lane->scenario = batch_scenario(&lane->batch);
		lane->item = (struct suite_case){
		    .scenario = &lane->scenario, .options = options->base, .round = i + 1};
		if (lane->item.options.timeout == 0)
			lane->item.options.timeout =
			    (uint64_t)((double)BATCH_TIMEOUT *
				       (options->base.time_scale > 0 ? options->base.time_scale : 1));
	}
	batch_pass_baton(any_batch(search));
}

int search_run(const struct search_options *options, struct search_result *ret_result, struct error *error)
{
	struct search search = {
	    .options = options, .result = ret_result, .began = clock_now(), .baton = {-1, -1}};
	int rc;

	memset(ret_result, 0, sizeof(*ret_result));
	rc = open_baton(&search, error);
	rc = rc ? rc : engine_start(&options->engine, &search.engine, error);
	if (rc == 0) {
		search.line = engine_line(search.engine);
		open_lanes(&search);
		rc = hunt(&search, error);
		tell(&search);
	}
	engine_end(search.engine);
	for (size_t i = 0; i < 2; i++) {
		if (search.baton[i] >= 0)
			(void)close(search.baton[i]);
	}
	return rc;
}
