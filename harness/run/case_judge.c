/* SPDX-License-Identifier: MIT */
/* The judgement of a journal: `wringer judge` and a case that has just ended take the same way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "run/case.h"
#include "run/measures.h"

/* Lines of evidence a finding may have; the report folds further. */
#define EVIDENCE_MOST 40

struct judgement {
	struct judge *judge;
	struct measures *measures;
};

static int hear(void *arg, const struct event *event)
{
	struct judgement *judgement = arg;
	int rc = judge_event(judgement->judge, event);

	return rc ? rc : measures_event(judgement->measures, judge_world(judgement->judge), event);
}

/* Findings are copied: the judge and its world go, the result stays. */
static int take_findings(const struct judgement *judgement, struct result *result, struct error *error)
{
	const struct world *world = judge_world(judgement->judge);
	size_t count = 0;
	const struct finding *findings = judge_findings(judgement->judge, &count);

	if (count == 0)
		return 0;
	result->findings = calloc(count, sizeof(*result->findings));
	if (!result->findings)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct result_finding *entry = &result->findings[i];
		const struct peer_view *peer =
		    findings[i].peer >= 0 ? world_peer(world, findings[i].peer) : NULL;

		entry->finding = findings[i];
		if (peer)
			result_text(entry->peer, sizeof(entry->peer), peer->name);
	}
	result->finding_count = count;
	return 0;
}

static int take_evidence(const char *journal, const struct judgement *judgement, struct result *result,
			 struct error *error)
{
	size_t count = 0;
	const struct finding *findings = judge_findings(judgement->judge, &count);
	struct evidence_list *lists;
	int rc;

	if (count == 0)
		return 0;
	lists = calloc(count, sizeof(*lists));
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
	if (rc < 0)
		return error_set(error, rc, "%s: %s", journal, strerror(-rc));
	rc = take_findings(judgement, result, error);
	return rc ? rc : take_evidence(journal, judgement, result, error);
}

int case_judge(const char *journal, const struct judge_options *options, struct result *result,
	       struct error *error)
{
	struct judgement judgement = {.measures = measures_new()};
	int rc;

	if (!judgement.measures)
		return error_set(error, -ENOMEM, "out of memory");
	rc = judge_new(options, &judgement.judge, error);
	if (rc == 0)
		rc = judge_whole(journal, &judgement, result, error);
	judge_free(judgement.judge);
	measures_free(judgement.measures);
	return rc;
}
