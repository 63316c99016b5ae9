/* SPDX-License-Identifier: MIT */
#include "run/case.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "run/stage_impl.h"
#include "target/sandbox.h"

/* What a protocol may lack, in words. */
static const struct {
	uint32_t offer;
	const char *words;
} offer_words[] = {
    {PROTOCOL_REQUEST, "requests"},
    {PROTOCOL_PARTIAL, "partial requests"},
    {PROTOCOL_BIG, "big answers"},
    {PROTOCOL_KEEPALIVE, "a second request on a connection"},
    {PROTOCOL_PIPELINE, "pipelining"},
    {PROTOCOL_TOKEN, "tokens in its answers"},
    {PROTOCOL_BODY, "requests with a body"},
    {PROTOCOL_GREETS, "a greeting"},
    {PROTOCOL_HALF_CLOSE, "answers after a half-close"},
};

static int check_offers(struct stage *stage)
{
	const struct protocol *protocol = stage->options->protocol;

	for (size_t i = 0; i < sizeof(offer_words) / sizeof(offer_words[0]); i++) {
		if (stage->scenario->offers & ~protocol->offers & offer_words[i].offer)
			return stage_skip(stage, "the protocol %s has no %s", protocol->name,
					  offer_words[i].words);
	}
	return 0;
}

/* Our own network namespace: entered when wanted, needed when the scenario says so or turns its knobs. */
static int enter_sandbox(struct stage *stage)
{
	const struct scenario *scenario = stage->scenario;
	bool needed = (scenario->needs & NEED_SANDBOX) || scenario->knob_count > 0;
	struct error error = {0};

	if (!stage->options->sandbox)
		return needed ? stage_skip(stage, "needs the sandbox, which is switched off") : 0;
	if (sandbox_enter(&error) < 0)
		return needed ? stage_skip(stage, "needs the sandbox: %s", error.text) : 0;
	stage->sandboxed = true;
	for (size_t i = 0; i < scenario->knob_count; i++) {
		int rc = sandbox_sysctl(scenario->knobs[i].name, scenario->knobs[i].value, &error);

		if (rc == -ENOENT)
			return stage_skip(stage, "this kernel has no %s", scenario->knobs[i].name);
		if (rc < 0)
			return stage_broken(stage, "%s", error.text);
	}
	return 0;
}

/* What is missing is said before anything is started. */
static int check_needs(struct stage *stage)
{
	const char *watch = stage->options->watch->name;
	uint32_t needs = stage->scenario->needs;
	bool blind = !stage_watched(stage);
	int rc = check_offers(stage);

	if (rc < 0)
		return rc;
	if ((needs & NEED_INJECT) && (blind || stage->options->watch->faultless))
		return stage_skip(stage, "needs to change calls, which --watch %s cannot", watch);
	if ((needs & NEED_WATCH) && blind)
		return stage_skip(stage, "needs to see calls, which --watch %s cannot", watch);
	return enter_sandbox(stage);
}

static int write_meta(struct stage *stage)
{
	const struct case_options *options = stage->options;
	bool answered = options->protocol->offers & PROTOCOL_HALF_CLOSE;
	struct journal *journal = stage->journal;
	int rc = journal_meta(journal, "wringer", "%s", WRINGER_VERSION);

	rc = rc ? rc : journal_meta(journal, "scenario", "%s", stage->scenario->name);
	rc = rc ? rc : journal_meta(journal, "target", "%s", options->target_name);
	rc = rc ? rc : journal_meta(journal, "protocol", "%s", options->protocol->name);
	rc = rc ? rc : journal_meta(journal, "half_close", "%s", answered ? "answered" : "aborts");
	rc =
	    rc ? rc
	       : journal_meta(journal, "time_scale", "%g", options->time_scale > 0 ? options->time_scale : 1);
	rc = rc ? rc : journal_meta(journal, "seed", "%llu", (unsigned long long)options->seed);
	return rc ? rc : journal_meta(journal, "watch", "%s", options->watch->name);
}

/* Why the case ended early, when nobody said so yet. */
static void explain(struct stage *stage, int code)
{
	switch (-code) {
	case 0:
	case ESRCH: /* the target is gone: the rules, or the verdict, say what that means */
		return;
	case EINTR:
		stage->interrupted = true;
		return;
	case ETIME:
		(void)stage_broken(stage, "the case did not end within its limit of %.0f s",
				   clock_seconds(stage->options->timeout
						     ? stage->options->timeout
						     : stage_window(stage, 30 * NS_PER_S)));
		return;
	default:
		(void)stage_broken(stage, "%s", strerror(-code));
	}
}

static int play(struct stage *stage)
{
	int rc = stage_mark(stage, MARK_FAULT, 0, NULL);

	if (rc < 0)
		return rc;
	canary_run(stage->canary);
	rc = stage->scenario->play(stage->scenario, stage);
	/* however the scenario went, the target's part in it is judged */
	if (rc == -EINTR || stage->blind)
		return rc;
	explain(stage, rc);
	stage_mend(stage);
	return 0;
}

static void act(struct stage *stage, const char *journal)
{
	struct error error = {0};
	int rc = stage_open(stage, stage->options, stage->scenario, journal, &error);

	rc = rc ? rc : write_meta(stage);
	if (rc == 0)
		rc = stage_start(stage, &error);
	if (rc < 0)
		(void)stage_broken(stage, "%s", error.text[0] ? error.text : strerror(-rc));
	rc = rc ? rc : case_ready(stage);
	rc = rc ? rc : play(stage);
	rc = rc ? rc : case_settle(stage);
	explain(stage, rc);
	rc = stage->target ? case_stop(stage) : 0;
	explain(stage, rc);
}

/* The target ended by itself while it should serve: a failure even when no rule knows why. */
struct death {
	bool died;
	char how[64];
};

static struct death death_of(const struct stage *stage)
{
	struct death death = {.died = stage->ready && stage->gone && !stage->asked};
	int status;

	if (death.died && watcher_status(target_watcher(stage->target), &status) == 0)
		(void)status_text(status, death.how, sizeof(death.how));
	return death;
}

/*
 * Who is wrong? A target that died or broke a rule is, even when the scenario could not do what it wanted:
 * that may well be the consequence. Only when we could not see what happened does our own failure outrank
 * what the rules say.
 */
static void decide(const struct stage *stage, const struct death *death, struct result *result)
{
	bool guilty = result_convicts(result);

	if (stage->interrupted) {
		result->verdict = VERDICT_SKIP;
		result_text(result->reason, sizeof(result->reason), CASE_INTERRUPTED);
		return;
	}
	if (stage->blind)
		result->verdict = VERDICT_BROKEN;
	else if (guilty || death->died)
		result->verdict = VERDICT_FAIL;
	else
		result->verdict = stage->said ? stage->verdict : VERDICT_PASS;
	result->unready = stage->unready && result->verdict == VERDICT_BROKEN;
	result_text(result->reason, sizeof(result->reason), stage->reason);
	if (death->died && !guilty && !stage->blind)
		(void)snprintf(result->reason, sizeof(result->reason),
			       "the target ended while it should serve (%s)", death->how);
}

static void judge_case(const struct stage *stage, const char *journal, const struct death *death,
		       struct result *result)
{
	const struct judge_options options = {
	    .time_scale = stage->options->time_scale,
	    .rules = stage->options->rules,
	};
	struct error error = {0};

	if (case_judge(journal, &options, stage->options->ignores, result, &error) < 0) {
		result->verdict = VERDICT_BROKEN;
		(void)error_prefix(&error, "judging");
		result_text(result->reason, sizeof(result->reason), error.text);
		return;
	}
	decide(stage, death, result);
}

static void files_end(const struct case_options *options, const char *journal, struct result *result)
{
	char path[PATH_MAX];

	if (options->keep) {
		result_text(result->journal, sizeof(result->journal), journal);
		return;
	}
	(void)unlink(journal);
	(void)snprintf(path, sizeof(path), "%s/stdout", options->directory);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/stderr", options->directory);
	(void)unlink(path);
}

int case_run(const struct case_options *options, const struct scenario *scenario, struct result *ret_result)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct death death = {0};
	char journal[PATH_MAX];
	uint64_t began = clock_now();

	if (!stage)
		return -ENOMEM;
	result_init(ret_result, scenario->name, options->target_name);
	(void)snprintf(journal, sizeof(journal), "%s/journal", options->directory);
	stage->options = options;
	stage->scenario = scenario;
	if (check_needs(stage) == 0) {
		act(stage, journal);
		death = death_of(stage);
		if (stage->target)
			(void)target_output(stage->target, ret_result->output, sizeof(ret_result->output));
		stage_close(stage);
		judge_case(stage, journal, &death, ret_result);
		files_end(options, journal, ret_result);
	} else {
		decide(stage, &death, ret_result);
	}
	if (ret_result->verdict == VERDICT_PASS || ret_result->verdict == VERDICT_SKIP)
		ret_result->output[0] = '\0';
	ret_result->seconds = clock_seconds(clock_now() - began);
	free(stage);
	return 0;
}
