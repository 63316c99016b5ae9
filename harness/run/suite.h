/* SPDX-License-Identifier: MIT */
/* Many cases side by side, a process each. The front only starts them, draws progress and collects. */
#ifndef WRINGER_RUN_SUITE_H
#define WRINGER_RUN_SUITE_H

#include <signal.h>
#include <stdint.h>
#include "run/case.h"
#include "run/starts.h"

struct suite_case {
	const struct scenario *scenario;
	struct case_options options; /* directory, stop, keep, crowd are filled by the suite */
	uint32_t round;
};

struct suite_progress {
	uint32_t total, done, running;
	uint32_t passed, failed, broken, skipped;
	uint32_t held, wanted; /* peers of their hoards; 0, 0 without one */
	double elapsed;
	const char *names[8]; /* scenarios running now */
	uint32_t name_count;
};

struct suite_ops {
	void *arg;
	/* A case is over; in the order they end. The result is freed by the suite afterwards. */
	void (*done)(void *arg, const struct result *result);
	/* About ten times a second, and after each case. May be NULL. */
	void (*progress)(void *arg, const struct suite_progress *progress);
	/* After the last case, for each target that was not ready in one. May be NULL. */
	void (*unready)(void *arg, const struct start_record *record);
	/* Once the given ones are started, and then at least ten times a second while a slot is free: one
	 * more, which must live until it is done; NULL: not now. The run is over when none is running and
	 * there is none. May be NULL. */
	const struct suite_case *(*next)(void *arg);
	/* Asked as often: whether the cases that run are to end as if the run were stopped, untold. May be
	 * NULL. */
	bool (*enough)(void *arg);
};

struct suite_options {
	uint32_t jobs;	  /* at once; 0: as many as there are cores */
	const char *keep; /* --keep DIR, NULL none */
	bool leave;	  /* -l: keep the files of failed cases */
	const volatile sig_atomic_t
	    *stop; /* 1: no new cases, end the running ones in an orderly way; 2: kill them */
};

struct suite_totals {
	uint32_t passed, failed, broken, skipped, not_run;
};

/* One more case of that verdict. */
void suite_count(struct suite_totals *totals, enum verdict verdict);

/*
 * Runs them. A case's process that crashes, hangs past its limit or cannot be started is `broken`, never the
 * end of the run. A target that never was ready in STARTS_ENOUGH cases is given up: its other cases are not
 * run. Leaves no process, namespace or temporary file behind. 0, -EINTR when stopped (totals say what was
 * done), or a negative errno with error.
 */
int suite_run(const struct suite_options *options, const struct suite_case *cases, size_t count,
	      const struct suite_ops *ops, struct suite_totals *ret_totals, struct error *error);

#endif
