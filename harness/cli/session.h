/* SPDX-License-Identifier: MIT */
/* Everything a run tells: the terminal and the report files, opened before it and closed whatever came of it.
 */
#ifndef WRINGER_CLI_SESSION_H
#define WRINGER_CLI_SESSION_H

#include <stdbool.h>
#include <stdio.h>
#include "cli/settings.h"
#include "report/report.h"
#include "report/style.h"

#define SESSION_REPORTS 4

struct session {
	const struct report_head *head;
	struct terminal *terminal;
	struct report_file *files[SESSION_REPORTS];
	struct suite_totals totals; /* as far as counted here */
	uint64_t began;
	struct error trouble; /* the first thing that went wrong with a report */
};

/* What a report's head says of every run: version, kernel, time, seed, watch. */
void session_head(const struct settings *settings, struct report_head *ret_head);

/* How text that is no run looks on out. */
void session_style(const struct settings *settings, FILE *out, struct style *ret_style);

/* quiet_stdout: standard output belongs to someone else (a watched target, a report): the terminal takes
 * standard error. */
int session_open(const struct settings *settings, const struct report_head *head, bool quiet_stdout,
		 struct session *ret_session, struct error *error);
/* One case is over: told, reported, counted. */
void session_case(struct session *session, const struct result *result);
void session_progress(struct session *session, const struct suite_progress *progress);
/* Text for the terminal, between the cases and the summary. */
void session_print(struct session *session, const char *text);
/* Writes everything out and frees; prints what went wrong with it. Returns whether it all arrived. */
bool session_close(struct session *session, const struct suite_totals *totals);

#endif
