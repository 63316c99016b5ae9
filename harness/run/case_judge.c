/* SPDX-License-Identifier: MIT */
/* The judgement of a journal: `wringer judge` and a case that has just ended take the same way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "run/case.h"
#include "run/measures.h"
#include "run/reactions.h"

/* Lines of evidence a finding may have; the report folds further. */
#define EVIDENCE_MOST 40

struct judgement {
	struct judge *judge;
	struct measures *measures;
	struct reactions *reactions;
	const struct ignore_list *ignores;
};

static int hear(void *arg, const struct event *event)
{
	struct judgement *judgement = arg;
	int rc = judge_event(judgement->judge, event);

	if (rc < 0)
		return rc;
	reactions_event(judgement->reactions, judge_world(judgement->judge), event);
	return measures_event(judgement->measures, judge_world(judgement->judge), event);
}

/* One more finding that a known deviation covers. */
static int set_apart(struct result *result, const struct finding *finding)
{
	struct result_ignored *grown;

	for (size_t i = 0; i < result->ignored_count; i++) {
		if (result->ignored[i].rule == finding->rule) {
			result->ignored[i].count++;
			return 0;
		}
	}
	grown = realloc(result->ignored, (result->ignored_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	result->ignored = grown;
	grown += result->ignored_count++;
	*grown = (struct result_ignored){.rule = finding->rule, .count = 1};
	result_text(grown->message, sizeof(grown->message), finding->message);
	return 0;
}

static void take(const struct finding *finding, struct result *result)
{
	struct result_finding *entry = &result->findings[result->finding_count++];

	entry->finding = *finding;
	result_text(entry->peer, sizeof(entry->peer), finding->name);
}

/* Findings are copied: the judge and its world go, the result stays. */
static int take_findings(const struct judgement *judgement, struct result *result, struct error *error)
{
	size_t count = 0;
	const struct finding *findings = judge_findings(judgement->judge, &count);
	int rc = 0;

	if (count == 0)
		return 0;
	result->findings = calloc(count, sizeof(*result->findings));
	if (!result->findings)
		rc = -ENOMEM;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (ignore_find(judgement->ignores, result->scenario, findings[i].rule->id))
			rc = set_apart(result, &findings[i]);
		else
			take(&findings[i], result);
	}
	return rc < 0 ? error_set(error, rc, "out of memory") : 0;
}

static int collect(const char *journal, const struct finding *findings, struct result *result,
		   struct error *error)
{
	size_t count = result->finding_count;
	struct evidence_list *lists = calloc(count, sizeof(*lists));
	int rc;

	if (!lists)
		return error_set(error, -ENOMEM, "out of memory");
	rc = evidence_collect(journal, findings, count, EVIDENCE_MOST, lists, error);
	for (size_t i = 0; i < count; i++) {
		if (rc == 0)
			result->findings[i].evidence = lists[i];
		else
			evidence_free(&lists[i]);
	}
	free(lists);
	return rc;
}

static int take_evidence(const char *journal, struct result *result, struct error *error)
{
	struct finding *findings;
	int rc;

	if (result->finding_count == 0)
		return 0;
	findings = calloc(result->finding_count, sizeof(*findings));
	if (!findings)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < result->finding_count; i++)
		findings[i] = result->findings[i].finding;
	rc = collect(journal, findings, result, error);
	free(findings);
	return rc;
}

static int judge_whole(const char *journal, struct judgement *judgement, struct result *result,
		       struct error *error)
{
	bool whole = false;
	int rc = journal_read(journal, hear, judgement, &whole, error);

	if (rc < 0)
		return rc;
	rc = judge_finish(judgement->judge);
	if (rc == 0)
		rc = measures_finish(judgement->measures, judge_world(judgement->judge), result);
	if (rc == 0)
		rc = reactions_finish(judgement->reactions, result);
	if (rc < 0)
		return error_set(error, rc, "%s: %s", journal, strerror(-rc));
	rc = take_findings(judgement, result, error);
	return rc ? rc : take_evidence(journal, result, error);
}

int case_judge(const char *journal, const struct judge_options *options, const struct ignore_list *ignores,
	       struct result *result, struct error *error)
{
	struct judgement judgement = {
	    .measures = measures_new(), .reactions = reactions_new(), .ignores = ignores};
	int rc = judgement.measures && judgement.reactions ? judge_new(options, &judgement.judge, error)
							   : error_set(error, -ENOMEM, "out of memory");

	if (rc == 0)
		rc = judge_whole(journal, &judgement, result, error);
	judge_free(judgement.judge);
	reactions_free(judgement.reactions);
	measures_free(judgement.measures);
	return rc;
}
