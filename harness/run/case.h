/* SPDX-License-Identifier: MIT */
/* One case: a scenario played on a target, judged. Runs in the calling process (which should be its own, see
 * suite.h). */
#ifndef WRINGER_RUN_CASE_H
#define WRINGER_RUN_CASE_H

#include <signal.h>
#include "rules/ignore.h"
#include "run/result.h"
#include "run/scenario.h"
#include "peer/hoard.h"
#include "peer/protocol.h"
#include "watch/watch.h"

/* The reason of a case that ended early because it was asked to; its verdict is skip. */
#define CASE_INTERRUPTED "interrupted"

struct run_setting {
	const char *name, *value; /* -D */
};

struct case_options {
	const char *target_name; /* "command" or the reference target's name */
	char *const *argv;
	const struct protocol *protocol;
	const struct watch_ops *watch;
	uint16_t port; /* 0: found from listen */
	bool sandbox;  /* try; false: loopback as it is */
	uint64_t seed;
	double time_scale;
	uint64_t timeout; /* ns for the whole case, 0: 30 s times time_scale */
	const char *rules;
	const struct ignore_list *ignores; /* NULL: none */
	const struct run_setting *settings;
	size_t setting_count;
	const char *directory;		   /* exists; journal ("journal"), stdout, stderr go there */
	bool keep;			   /* leave the files */
	const volatile sig_atomic_t *stop; /* non-zero: end soon, may be NULL */
	struct hoard_crowd *crowd;	   /* where its hoards count their peers, may be NULL */
};

/* Always fills ret_result (verdict broken when our side failed). 0, or -ENOMEM when not even that was
 * possible. */
int case_run(const struct case_options *options, const struct scenario *scenario, struct result *ret_result);

/*
 * Judges a finished journal file: findings with evidence, masks, measures into result, whose scenario is set
 * already. What `ignores` (NULL: nothing) covers is set apart. Used by case_run and `wringer judge`, so that
 * both find the same.
 */
int case_judge(const char *journal, const struct judge_options *options, const struct ignore_list *ignores,
	       struct result *result, struct error *error);

#endif
