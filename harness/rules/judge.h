/* SPDX-License-Identifier: MIT */
/* The judge: feeds a journal to the world and to every rule family, keeps what they find. */
#ifndef WRINGER_RULES_JUDGE_H
#define WRINGER_RULES_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/error.h"
#include "rules/rule.h"

struct judge_options {
	double time_scale; /* 0 means 1 */
	const char *rules; /* comma list of rule ids or globs, NULL all */
	/* Of the whole journal, where it was counted before: families that have nothing to find in it are
	 * left out. NULL: unknown. Looked at by judge_new only. */
	const struct contents *contents;
	bool at_once; /* what is over is forgotten at once (world_farewells), for tests */
};

/* 0; -EINVAL with error when a list names a rule that does not exist. */
int judge_new(const struct judge_options *options, struct judge **ret_judge, struct error *error);
/* One event of the journal (a journal_sink). 0 or a negative errno. */
int judge_event(void *judge, const struct event *event);
int judge_finish(struct judge *judge);
/* In order of severity, then time. Valid until judge_free. */
const struct finding *judge_findings(const struct judge *judge, size_t *ret_count);
void judge_free(struct judge *judge);

/* One line of evidence. */
struct evidence {
	uint64_t at;
	char side; /* 'p' peer, 'k' kernel (what was reported), 't' target (what it did), 'f' fault, 'm' mark
		    */
	char call[24];
	char text[200]; /* repeated lines are folded: "… 4108 more of the same until 1.120" */
};

struct evidence_list {
	struct evidence *lines;
	size_t count, capacity;
};

/*
 * Reads the journal file again and collects what proves each of the findings: events of the finding's file
 * and peer within its stretch (and how it began: accept, registration), at most `most` lines a finding,
 * repetitions folded. ret_lists has one entry a finding; free each with evidence_free. 0 or a negative errno
 * with error.
 */
int evidence_collect(const char *path, const struct finding *findings, size_t count, size_t most,
		     struct evidence_list *ret_lists, struct error *error);
void evidence_free(struct evidence_list *list);

#endif
