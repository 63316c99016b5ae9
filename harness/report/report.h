/* SPDX-License-Identifier: MIT */
/* Reports: the terminal, JSON, JUnit, TAP. Each is one const struct in one list. */
#ifndef WRINGER_REPORT_REPORT_H
#define WRINGER_REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/error.h"
#include "run/result.h"
#include "run/suite.h"

/* What the run as a whole is about. */
struct report_head {
	const char *version, *kernel, *target, *protocol, *watch;
	char *const *command; /* NULL-terminated */
	uint64_t seed;
	int64_t started;      /* CLOCK_REALTIME seconds */
	uint32_t planned;     /* cases */
};

struct report;

struct report_ops {
	const char *name; /* "json": also the option's name */
	const char *doc;
	int (*begin)(struct report *report, struct error *error);
	int (*add)(struct report *report, const struct result *result, struct error *error);
	/* The file is whole after this; called too when the run was interrupted. */
	int (*end)(struct report *report, const struct suite_totals *totals, double seconds, struct error *error);
	void (*release)(struct report *report);
};
extern const struct report_ops *const report_list[];

/* path "-" is standard output. The file is made beside path and renamed over it at the end; refuses now what cannot be written then. */
int report_open(const struct report_ops *ops, const char *path, const struct report_head *head,
		struct report **ret_report, struct error *error);
int report_add(struct report *report, const struct result *result, struct error *error);
int report_close(struct report *report, const struct suite_totals *totals, double seconds, struct error *error);

/* The terminal: progress, a line a case, findings as time lines, the summary. */
struct terminal;
struct terminal_options {
	FILE *out;
	bool color, progress, quiet;
	int verbose;
	int columns; /* 0: asked of the terminal, else 100 */
};
struct terminal *terminal_new(const struct terminal_options *options, const struct report_head *head);
void terminal_progress(struct terminal *terminal, const struct suite_progress *progress);
void terminal_case(struct terminal *terminal, const struct result *result);
void terminal_end(struct terminal *terminal, const struct suite_totals *totals, double seconds);
void terminal_free(struct terminal *terminal);

#endif
