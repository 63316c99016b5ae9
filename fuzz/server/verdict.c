/* SPDX-License-Identifier: MIT */
#include "fuzz/server/verdict.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/common/target.h"
#include "inject/schedule_shrink.h"

static void show(const struct event *event)
{
	char line[256], who[24] = "";

	if (event->kind == EV_PEER)
		(void)snprintf(who, sizeof who, "%s%d ", event->flags & EVF_CANARY ? "canary" : "c",
			       event->peer);
	(void)fprintf(stderr, "%11.6f %s%s\n", (double)event->at / 1e9, who,
		      event_text(event, line, sizeof line));
}

static void show_words(void *arg, int fd, const char *bytes, size_t size)
{
	(void)arg;
	(void)fprintf(stderr, "            on %s: %.*s%s", fd == 1 ? "stdout" : "stderr", (int)size, bytes,
		      size && bytes[size - 1] == '\n' ? "" : "\n");
}

static void take_event(void *arg, const struct event *event)
{
	struct trial *trial = arg;

	trial->figures.events++;
	trial->figures.calls += event->kind == EV_CALL;
	if (trial->show)
		show(event);
	fuzz_claim(tape_add(&trial->tape, event) == 0);
	contents_count(&trial->contents, event);
}

static int hear(void *arg, const struct event *event)
{
	struct trial *trial = arg;
	int r = judge_event(trial->judge, event);

	if (trial->counters)
		feedback_event(&trial->feedback, judge_world(trial->judge), event);
	return r;
}

/* Judged when all of it is known: families with nothing to find in it, most of them, need not hear it. */
static void judge_tape(struct trial *trial)
{
	const struct judge_options options = {.rules = trial->rules,
					      .contents = trial->all_hear ? NULL : &trial->contents};
	struct error error;

	fuzz_claim(judge_new(&options, &trial->judge, &error) == 0);
	feedback_begin(&trial->feedback, trial->counters, trial->counter_count);
	fuzz_claim(tape_play(&trial->tape, hear, trial) == 0);
	feedback_release(&trial->feedback);
	fuzz_claim(judge_finish(trial->judge) == 0);
}

static void show_findings(const struct trial *trial)
{
	size_t count;
	const struct finding *findings = judge_findings(trial->judge, &count);

	for (size_t i = 0; i < count; i++)
		(void)fprintf(stderr, "%s %s: %s\n", severity_name(findings[i].severity),
			      findings[i].rule->id, findings[i].message);
}

/* Memory is nothing that the journal tells of. */
static const struct rule leak = {
    .id = "leak",
    .severity = SEVERITY_ERROR,
    .doc = "memory was allocated and cannot be found any more",
};

static bool is_ignored(const struct trial *trial, const struct rule *rule)
{
	size_t length = strlen(rule->id);

	for (const char *at = trial->ignored; at && (at = strstr(at, rule->id)); at += length)
		if ((at == trial->ignored || at[-1] == ',') && (!at[length] || at[length] == ','))
			return true;
	return false;
}

/* The gravest finding, in the order of the judge; NULL: none. Warnings count, what is only worth knowing does
 * not. */
static const struct finding *first_finding(const struct trial *trial)
{
	size_t count;
	const struct finding *findings = judge_findings(trial->judge, &count);

	for (size_t i = 0; i < count; i++)
		if (!is_ignored(trial, findings[i].rule))
			return trial->rules || findings[i].severity >= SEVERITY_WARNING ? &findings[i] : NULL;
	return NULL;
}

/* With nothing graver: whether the server lost memory. */
static bool leaked(const struct trial *trial, struct finding *ret_finding)
{
	const struct sim_lost *lost = &trial->stage.lost;

	if (!lost->blocks || trial->rules || is_ignored(trial, &leak))
		return false;
	*ret_finding = (struct finding){.rule = &leak, .severity = leak.severity, .fd = -1, .peer = -1};
	(void)snprintf(
	    ret_finding->message, sizeof ret_finding->message,
	    "%zu bytes in %zu blocks were allocated, not freed, and nothing leads to them any more",
	    lost->bytes, lost->blocks);
	return true;
}

bool trial_play(struct trial *trial, const struct schedule *script, const struct rule *rule,
		struct finding *ret_finding)
{
	tape_clear(&trial->tape);
	trial->contents = (struct contents){0};
	(void)stage_play(&trial->stage, script);
	trial->figures.moves += trial->stage.performed;
	judge_tape(trial);
	if (trial->show)
		show_findings(trial);
	const struct finding *finding = first_finding(trial);
	struct finding lost;
	if (!finding && leaked(trial, &lost))
		finding = &lost;
	bool broken = finding && (!rule || finding->rule == rule);
	if (broken)
		*ret_finding = *finding;
	judge_free(trial->judge);
	return broken;
}

struct shrinking {
	struct trial *trial;
	struct finding *finding;
};

static bool breaks_still(void *arg, const struct schedule *schedule)
{
	struct shrinking *shrinking = arg;

	return trial_play(shrinking->trial, schedule, shrinking->finding->rule, shrinking->finding);
}

void trial_shrink(struct trial *trial, struct schedule *script, uint8_t *steps, struct finding *finding)
{
	struct shrinking shrinking = {trial, finding};
	struct schedule plain = *script;

	script->moves = plain.moves = steps;
	plain.rounds = plain.loaded = false;
	plain.head &= (uint8_t)~SCHEDULE_WAYS;
	if (script->head & SCHEDULE_WAYS && trial_play(trial, &plain, finding->rule, finding))
		*script = plain;
	(void)schedule_shrink(script, steps, breaks_still, &shrinking, 0);
}

struct trial *trial_new(bool show, const char *rules)
{
	struct trial *trial = calloc(1, sizeof *trial);

	/* Each run allocates much, and frees all of it: lists of small blocks that glibc keeps beside its
	 * others are only gathered up again with the next large one. */
	(void)mallopt(M_MXFAST, 0);

	if (trial && stage_open(&trial->stage, take_event, trial) < 0) {
		free(trial);
		return NULL;
	}
	if (trial) {
		trial->show = show;
		trial->stage.said = show ? show_words : NULL;
		trial->rules = rules;
	}
	return trial;
}

void trial_free(struct trial *trial)
{
	if (!trial)
		return;
	stage_close(&trial->stage);
	tape_free(&trial->tape);
	free(trial);
}
