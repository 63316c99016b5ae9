/* SPDX-License-Identifier: MIT */
/*
 * The search: batches (hunt/batch.h) until one of them convicts the server, then the schedule that did it,
 * alone on a fresh server, made as short as it goes, written as a scenario, and that one played again.
 *
 *     engine ──► batch … batch ──► suspects ──► again alone ──► shrunk ──► FILE.lua ──► again from the file
 *                  healthy: the next          not again: told as unsure
 */
#ifndef WRINGER_HUNT_SEARCH_H
#define WRINGER_HUNT_SEARCH_H

#include <signal.h>
#include "hunt/engine.h"
#include "inject/schedule.h"
#include "rules/rule.h"
#include "run/case.h"

#define SEARCH_AGAIN 3 /* how often the written scenario is played */
#define UNSURE_MOST  8
#define SEARCH_FAILED                                                                                        \
	"failed" /* the rule of what no rule explains: the server ended, or answered wrongly                 \
		  */

/* What a search did so far. */
struct search_figures {
	double seconds, searched; /* searched: without playing again, shrinking and checking */
	uint64_t runs, moves;
	uint32_t features, servers;
	const char *doing; /* "searching", "again", "shrinking", "checking" */
};

struct search_options {
	struct case_options
	    base; /* the server and how it is watched; directory, stop and keep are left empty */
	struct engine_options engine;
	const char *out;   /* a folder that exists */
	uint64_t runs;	   /* 0: no limit */
	uint64_t duration; /* ns, 0: no limit */
	const volatile sig_atomic_t *stop;
	/* About ten times a second. */
	void (*progress)(void *arg, const struct search_figures *figures);
	void *arg;
};

/* What convicts the server: a rule, or the case's own reason. */
struct search_finding {
	char rule[64]; /* or SEARCH_FAILED */
	char message[320];
	enum severity severity;
};

struct search_result {
	struct search_figures figures;
	bool found;
	struct search_finding finding;
	struct schedule schedule;
	uint8_t moves[SCHEDULE_MOST];
	char path[4096];	  /* of the scenario */
	uint32_t again, again_of; /* how often the file convicted the server of it */
	/* seen in a batch, and not again when played alone; with warnings, which convict nobody, each once a
	 * rule */
	struct search_finding unsure[UNSURE_MOST], warnings[UNSURE_MOST];
	uint32_t unsure_count, warning_count;
};

/*
 * Searches until something is found, or the time or the runs are over, or it is stopped. 0; -EINTR when it
 * was stopped (the result says what was done); a negative errno with error when our side broke: the server
 * does not start, the engine ended, the scenario cannot be written.
 */
int search_run(const struct search_options *options, struct search_result *ret_result, struct error *error);

#endif
