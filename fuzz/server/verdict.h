/* SPDX-License-Identifier: MIT */
/* Trying a script on the server that is linked in: played, judged, and shrunk when it breaks a rule. */
#ifndef FUZZ_SERVER_VERDICT_H
#define FUZZ_SERVER_VERDICT_H

#include "fuzz/server/stage.h"
#include "hunt/feedback.h"
#include "journal/tape.h"
#include "rules/judge.h"

/* What was done, since they were last set to 0: moves performed (a script in rounds performs each again),
 * calls of the server, events of the journal. */
struct trial_figures {
	uint64_t moves, calls, events;
};

struct trial {
	struct stage stage;
	struct trial_figures figures;
	struct tape tape;	  /* of the run */
	struct contents contents; /* of the tape */
	struct judge *judge;
	uint8_t *counters; /* what a run showed is counted there, for the engine; NULL: nowhere */
	size_t counter_count;
	struct feedback feedback;
	bool all_hear; /* every family of rules hears every run: it changes nothing, and takes longer */
	bool show;     /* every event as text, on standard error */
	const char
	    *rules; /* only these, and then also what is only worth knowing; NULL: all, from warnings on */
	const char *ignored; /* not these (a comma between two); NULL: none */
};

/* NULL: out of memory. Kept over many scripts: what a run leaves behind is thrown away by the next. */
struct trial *trial_new(bool show, const char *rules);
void trial_free(struct trial *trial);
/* Whether a rule was broken (this one; NULL: any). ret_finding is a copy of the gravest. */
bool trial_play(struct trial *trial, const struct schedule *script, const struct rule *rule,
		struct finding *ret_finding);
/* Leaves out what is not needed to break the finding's rule. steps (SCHEDULE_MOST bytes) are the script's
 * own.
 */
void trial_shrink(struct trial *trial, struct schedule *script, uint8_t *steps, struct finding *finding);

#endif
