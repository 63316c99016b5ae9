/* SPDX-License-Identifier: MIT */
/* Reports: the terminal, JSON, JUnit, TAP, HTML. Each format is one const struct in one list. */
#ifndef WRINGER_REPORT_REPORT_H
#define WRINGER_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/error.h"
#include "rules/ignore.h"
#include "run/result.h"
#include "run/suite.h"

/* What the run as a whole is about. Its strings must live as long as the reports and the terminal. */
struct report_head {
	const char *version, *kernel, *target, *protocol, *watch;
	char *const *command; /* NULL-terminated; NULL: none */
	uint64_t seed;
	bool unseeded;		/* no choice was drawn from it (watch): people are not told of it */
	int64_t started;	/* CLOCK_REALTIME seconds */
	uint32_t planned;	/* cases */
	uint32_t shard, shards; /* of --shard; 0: not divided */
	uint64_t plan;		/* stands for all that the undivided run is made of */
	const struct ignore_list *ignores; /* known deviations; NULL: none */
	bool complete; /* every scenario that fits is run: a deviation that matches nothing is gone */
	uint32_t targets, rounds; /* above 1: a case is named with its target, its round */
	/* Appends the command that runs one case again; may be NULL. 0 or -ENOMEM. */
	int (*again)(void *arg, const char *scenario, const char *target, uint32_t round, struct buf *out);
	void *again_arg;
};

/* How the run stands: written into every report, so that an interrupted one is as true as a finished one. */
struct report_sums {
	uint32_t passed, failed, broken, skipped, not_run;
	uint32_t findings[3];	       /* by enum severity */
	uint32_t ignored[IGNORE_MOST]; /* cases in which each known deviation was met */
	double seconds;
	bool over; /* the last rendering: nothing follows */
};

/* "rst-mid-request", with the target and the round behind it where the run has several. 0 or -ENOMEM. */
int report_title(const struct report_head *head, const char *scenario, const char *target, uint32_t round,
		 struct buf *out);
/* Counts one more case. */
void report_count(struct report_sums *sums, const struct report_head *head, const struct result *result);

/* One format. The state is its own; rendering gives the whole document, however many cases there are so far.
 */
struct report_ops {
	const char *name; /* "json": also the option's name */
	const char *doc;
	size_t state_size; /* zeroed before begin */
	bool grows; /* each rendering starts with the one before: standard output gets it as it grows */
	int (*begin)(void *state, const struct report_head *head, struct error *error);
	int (*add)(void *state, const struct report_head *head, const struct result *result,
		   struct error *error);
	int (*render)(void *state, const struct report_head *head, const struct report_sums *sums,
		      struct buf *out, struct error *error);
	void (*release)(void *state);
};
extern const struct report_ops *const report_list[];

struct report_file;

/*
 * path "-" is standard output. A file is made beside path and renamed over it, first when the first case is
 * over and then at most twice a second: whatever ends the run, what was finished is in a whole file. Refuses
 * now what cannot be written then.
 */
int report_open(const struct report_ops *ops, const char *path, const struct report_head *head,
		struct report_file **ret_report, struct error *error);
int report_add(struct report_file *report, const struct result *result, struct error *error);
/* Writes what report_add held back to spare the disk; call it now and then. */
int report_tick(struct report_file *report, struct error *error);
/* Writes the whole and frees the report; totals->not_run says what an interruption left out. */
int report_close(struct report_file *report, const struct suite_totals *totals, double seconds,
		 struct error *error);
/* Frees a report that will not be written: an older file at its path stays as it was. NULL is fine. */
void report_free(struct report_file *report);

/* The terminal: progress, a line a case, findings as time lines, the summary. */
struct terminal;
struct style;
struct terminal_options {
	FILE *out;
	bool color, progress, quiet;
	bool utf8; /* marks and texts beyond ASCII may be written */
	int verbose;
	int columns; /* 0: asked of the terminal, else 100 */
};
struct terminal *terminal_new(const struct terminal_options *options, const struct report_head *head);
void terminal_progress(struct terminal *terminal, const struct suite_progress *progress);
void terminal_case(struct terminal *terminal, const struct result *result);
/* Text of a caller's own, made in the terminal's style, as it is. */
const struct style *terminal_style(const struct terminal *terminal);
void terminal_print(struct terminal *terminal, const char *text);
void terminal_end(struct terminal *terminal, const struct suite_totals *totals, double seconds);
void terminal_free(struct terminal *terminal);

#endif
