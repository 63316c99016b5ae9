/* SPDX-License-Identifier: MIT */
/* The exit status: a promise to scripts. */
#ifndef WRINGER_CLI_STATUS_H
#define WRINGER_CLI_STATUS_H

#include <stdbool.h>
#include "run/suite.h"

enum status {
	STATUS_PASSED = 0,
	STATUS_FAILED = 1,   /* a scenario failed, or a rule of severity error was broken */
	STATUS_OURS = 2,     /* wrong usage, or our side broke */
	STATUS_SKIPPED = 77, /* nothing ran but skips */
};

/* What a run comes to. ours: something beside the cases went wrong, such as writing a report. */
int status_of_run(const struct suite_totals *totals, bool ours);

/* `watch`: the target's own status (128 + signal when one killed it), unless a rule was broken or we were. */
int status_of_watch(int wait_status, bool error_found, bool ours);

#endif
