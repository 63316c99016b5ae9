/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "report/fold.h"
#include "report/story.h"
#include "report/style.h"
#include "report/text.h"
#include "report/timeline.h"
#include "report/trouble.h"

#define COLUMNS_UNKNOWN 100
#define COLUMNS_LEAST	20
#define TARGET_COLUMNS	18 /* more, with several targets */
#define NAME_COLUMNS	28 /* of a case's line, where there is room */

struct terminal {
	struct terminal_options options;
	const struct report_head *head;
	struct style style;
	struct fold fold;
	struct report_sums sums;
	struct buf scratch; /* what is printed next */
	struct trouble_list troubles;
	bool drawn; /* the progress line stands on the screen */
};

/* A window may change its size while the run lasts. */
static void measure(struct terminal *terminal)
{
	struct winsize size;
	size_t columns = COLUMNS_UNKNOWN;
	bool tty = isatty(fileno(terminal->options.out));

	if (terminal->options.columns > 0)
		columns = (size_t)terminal->options.columns;
	else if (tty && ioctl(fileno(terminal->options.out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		columns = size.ws_col;
	terminal->style.columns = columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns;
	/* In a file or a pipe nothing is gained by losing the end of a reason. */
	terminal->style.cut = tty || terminal->options.columns > 0;
}

struct terminal *terminal_new(const struct terminal_options *options, const struct report_head *head)
{
	struct terminal *terminal = calloc(1, sizeof *terminal);

	if (!terminal)
		return NULL;
	terminal->options = *options;
	terminal->head = head;
	terminal->style = (struct style){.color = options->color, .utf8 = options->utf8};
	terminal->fold.apart = options->verbose > 0;
	measure(terminal);
	return terminal;
}

/* Writes the scratch out. A terminal that is gone must not end the run: the caller looks at ferror when all
 * is over. */
static void flush(struct terminal *terminal)
{
	FILE *out = terminal->options.out;

	if (terminal->drawn)
		(void)fputs("\r\033[K", out);
	terminal->drawn = false;
	if (terminal->scratch.size)
		(void)fwrite(terminal->scratch.data, 1, terminal->scratch.size, out);
	(void)fflush(out);
	buf_clear(&terminal->scratch);
}

const struct style *terminal_style(const struct terminal *terminal)
{
	return &terminal->style;
}

void terminal_print(struct terminal *terminal, const char *text)
{
	if (buf_puts(&terminal->scratch, text) == 0)
		flush(terminal);
}

static int put_running(const struct suite_progress *progress, struct buf *out)
{
	int r = buf_printf(out, "[%u/%u] %.1f s", progress->done, progress->total, progress->elapsed);

	if (r == 0 && progress->wanted)
		r = buf_printf(out, "  %s of %s peers held", text_grouped(progress->held, (char[32]){0}, 32),
			       text_grouped(progress->wanted, (char[32]){0}, 32));
	for (uint32_t i = 0; r == 0 && i < progress->name_count; i++)
		r = buf_printf(out, "%s%s", i ? ", " : "  running: ", progress->names[i]);
	if (r == 0 && progress->running > progress->name_count)
		r = buf_printf(out, ", %u more", progress->running - progress->name_count);
	return r;
}

void terminal_progress(struct terminal *terminal, const struct suite_progress *progress)
{
	struct buf line = {0};

	if (!terminal->options.progress)
		return;
	measure(terminal);
	/* One column stays free: writing the last one would make some terminals wrap. */
	if (put_running(progress, &line) == 0 &&
	    style_cut(&terminal->style, TINT_DIM, line.data, terminal->style.columns - 1,
		      &terminal->scratch) == 0)
		flush(terminal);
	terminal->drawn = true;
	buf_free(&line);
}

static size_t name_columns(const struct style *style, const struct report_head *head)
{
	size_t wanted = NAME_COLUMNS + (head->targets > 1 ? TARGET_COLUMNS : 0);

	return style->columns / 2 < wanted ? style->columns / 2 : wanted;
}

/* The rule beside the reason names the mistake in one word. */
static int short_reason(const struct result *result, struct buf *out)
{
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct finding *finding = &result->findings[i].finding;
		if (finding->severity == SEVERITY_ERROR &&
		    (!result->reason[0] || result->verdict == VERDICT_FAIL))
			return buf_printf(out, "%s: %s", finding->rule->id, finding->message);
	}
	return buf_puts(out, result->reason);
}

static int put_tail(struct terminal *terminal, const struct result *result, size_t used)
{
	const struct style *style = &terminal->style;
	struct buf reason = {0};
	int r = short_reason(result, &reason);
	enum tint tint = result->verdict == VERDICT_SKIP ? TINT_DIM : TINT_NONE;

	if (r == 0 && reason.size)
		r = buf_puts(&terminal->scratch, "  ");
	if (r == 0 && reason.size && style->cut)
		r = style_cut(style, tint, reason.data,
			      style->columns > used + 2 ? style->columns - used - 2 : 0, &terminal->scratch);
	else if (r == 0 && reason.size)
		r = style_put(style, tint, reason.data, &terminal->scratch);
	buf_free(&reason);
	return r < 0 ? r : buf_puts(&terminal->scratch, "\n");
}

static int put_line(struct terminal *terminal, const struct result *result, const char *title)
{
	const struct style *style = &terminal->style;
	struct buf *out = &terminal->scratch;
	size_t room = name_columns(style, terminal->head), width = text_width(title, strlen(title)), used = 2;
	char seconds[24];
	int r = style_put(style, style_verdict_tint(result->verdict),
			  style_verdict_mark(style, result->verdict), out);

	if (r == 0)
		r = buf_puts(out, " ");
	if (r == 0)
		r = style_put(style, result->verdict == VERDICT_FAIL ? TINT_BOLD : TINT_NONE, title, out);
	if (r == 0)
		r = buf_printf(out, "%*s", width < room ? (int)(room - width) : 0, "");
	used += width < room ? room : width;
	(void)snprintf(seconds, sizeof seconds, " %6.2f s", result->seconds);
	if (r == 0)
		r = style_put(style, TINT_DIM, seconds, out);
	return r < 0 ? r : put_tail(terminal, result, used + strlen(seconds));
}

static int put_fds(const struct result_measures *measures, struct buf *out)
{
	/* Unknown where the case ended early. */
	if (measures->fds_before < 0)
		return 0;
	if (measures->fds_after < 0)
		return buf_printf(out, "fds %" PRId64 " before; ", measures->fds_before);
	return buf_printf(out, "fds %" PRId64 " before, %" PRId64 " after; ", measures->fds_before,
			  measures->fds_after);
}

static int put_measures(struct terminal *terminal, const struct result *result)
{
	const struct result_measures *m = &result->measures;
	struct buf text = {0};
	int r = 0;

	/* Where nobody asked (watch, judge) there is nothing to say of answers. */
	if (m->canary_p99_ms > 0)
		r = buf_printf(&text, "canary p50 %.2f ms, p99 %.2f ms; ", m->canary_p50_ms,
			       m->canary_p99_ms);
	if (r == 0)
		r = put_fds(m, &text);
	if (r == 0)
		r = buf_printf(&text, "cpu %.2f s; %" PRIu64 " waits, %" PRIu64 " calls, %" PRIu64 " faults",
			       m->cpu_seconds, m->epoll_waits, m->calls, m->faults_delivered);
	if (r == 0)
		r = timeline_paragraph(&terminal->style, 4, text.data, &terminal->scratch);
	buf_free(&text);
	return r;
}

static bool has_error(const struct result *result)
{
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].finding.severity == SEVERITY_ERROR)
			return true;
	return false;
}

void terminal_case(struct terminal *terminal, const struct result *result)
{
	struct buf title = {0};
	bool passed = result->verdict == VERDICT_PASS, skipped = result->verdict == VERDICT_SKIP;
	int r = report_title(terminal->head, result->scenario, result->target, result->round, &title);

	measure(terminal);
	report_count(&terminal->sums, terminal->head, result);
	if (r == 0 && (!terminal->options.quiet || !(passed || skipped)))
		r = put_line(terminal, result, title.data);
	if (r == 0 && result->journal[0] && !passed)
		r = buf_printf(&terminal->scratch, "    journal: %s\n", result->journal);
	if (r == 0 && terminal->options.verbose && !skipped)
		r = put_measures(terminal, result);
	if (r == 0 && !passed && !skipped && !has_error(result))
		r = trouble_add(&terminal->troubles, terminal->head, result);
	if (r == 0)
		r = fold_add(&terminal->fold, result);
	/* Out of memory: what is printed is less than it could be, the verdicts still count. */
	if (r < 0)
		buf_clear(&terminal->scratch);
	flush(terminal);
	buf_free(&title);
}

/* Notes are for those who ask (-v); quiet leaves warnings of passing cases to the reports. */
static bool shown(const struct terminal *terminal, enum severity severity)
{
	switch (severity) {
	case SEVERITY_ERROR:
		return true;
	case SEVERITY_WARNING:
		return !terminal->options.quiet;
	case SEVERITY_INFO:
		return terminal->options.verbose > 0;
	}
	return true;
}

static int put_findings(struct terminal *terminal)
{
	int r = 0;

	fold_sort(&terminal->fold);
	for (size_t i = 0; r == 0 && i < terminal->fold.count; i++) {
		const struct fold_group *group = &terminal->fold.groups[i];
		enum severity severity = group->best.finding.severity;
		if (!shown(terminal, severity))
			continue;
		r = buf_puts(&terminal->scratch, "\n");
		if (r == 0)
			r = timeline_put(&terminal->style, terminal->head, group,
					 severity == SEVERITY_INFO && terminal->options.verbose < 2,
					 &terminal->scratch);
	}
	return r;
}

/* What was met and let pass; and, after a whole run, what is said to be there and was not. */
static int put_ignored(const struct terminal *terminal, struct buf *out)
{
	const struct report_head *head = terminal->head;
	bool whole = head->complete && !terminal->sums.not_run;
	int r = 0;

	for (size_t i = 0; r == 0 && head->ignores && i < head->ignores->count; i++) {
		const struct ignore *ignore = &head->ignores->items[i];
		uint32_t cases = terminal->sums.ignored[i];
		struct buf line = {0};
		if (!cases && !whole)
			continue;
		r = buf_printf(&line, "%s%s%s", ignore->rule, ignore->scenario[0] ? "@" : "",
			       ignore->scenario);
		if (r == 0)
			r = cases ? buf_printf(&line, " in %u case%s", cases, cases == 1 ? "" : "s")
				  : buf_puts(&line, " matched nothing: no longer needed?");
		if (r == 0 && ignore->reason[0])
			r = buf_printf(&line, " (%s)", ignore->reason);
		if (r == 0)
			r = timeline_labelled(&terminal->style, "ignored:", line.data, out);
		buf_free(&line);
	}
	return r;
}

static int put_plural(struct buf *out, uint32_t count, const char *word)
{
	return buf_printf(out, "%u %s%s", count, word, count == 1 ? "" : "s");
}

/* Notes are only counted where there are some. */
static int put_summary(const struct report_head *head, const struct report_sums *sums, struct buf *out)
{
	static const char dot[] = " \xc2\xb7 ";
	int r = buf_printf(out, "%u passed, %u failed, %u broken, %u skipped", sums->passed, sums->failed,
			   sums->broken, sums->skipped);

	if (r == 0 && sums->not_run)
		r = buf_printf(out, ", %u not run", sums->not_run);
	if (r == 0)
		r = buf_puts(out, dot);
	if (r == 0)
		r = put_plural(out, sums->findings[SEVERITY_ERROR], "error");
	if (r == 0)
		r = buf_puts(out, ", ");
	if (r == 0)
		r = put_plural(out, sums->findings[SEVERITY_WARNING], "warning");
	if (r == 0 && sums->findings[SEVERITY_INFO]) {
		r = buf_puts(out, ", ");
		if (r == 0)
			r = put_plural(out, sums->findings[SEVERITY_INFO], "note");
	}
	if (r == 0)
		r = buf_printf(out, "%s%.1f s", dot, sums->seconds);
	if (r == 0 && head->watch)
		r = buf_printf(out, "%swatched by %s", dot, head->watch);
	return r < 0 || head->unseeded ? r : buf_printf(out, "%sseed %" PRIu64, dot, head->seed);
}

static enum tint summary_tint(const struct report_sums *sums)
{
	if (sums->failed)
		return TINT_BAD;
	if (sums->broken || sums->not_run)
		return TINT_BROKEN;
	return sums->passed ? TINT_GOOD : TINT_DIM;
}

void terminal_end(struct terminal *terminal, const struct suite_totals *totals, double seconds)
{
	struct buf summary = {0}, *out = &terminal->scratch;

	measure(terminal);
	terminal->sums.not_run = totals->not_run;
	terminal->sums.seconds = seconds;
	int r = trouble_put(&terminal->style, terminal->head, &terminal->troubles, out);
	if (r == 0)
		r = put_findings(terminal);
	if (r == 0)
		r = put_ignored(terminal, out);
	if (r == 0 && (out->size || !terminal->options.quiet))
		r = buf_puts(out, "\n");
	if (r == 0)
		r = put_summary(terminal->head, &terminal->sums, &summary);
	if (r == 0)
		r = style_put(&terminal->style, summary_tint(&terminal->sums), summary.data, out);
	if (r == 0)
		(void)buf_puts(out, "\n");
	flush(terminal);
	buf_free(&summary);
}

void terminal_free(struct terminal *terminal)
{
	if (!terminal)
		return;
	fold_free(&terminal->fold);
	buf_free(&terminal->scratch);
	trouble_free(&terminal->troubles);
	free(terminal);
}
