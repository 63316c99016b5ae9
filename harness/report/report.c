/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "report/formats.h"
#include "report/output.h"

/* A file is rewritten as a whole, so not more often than this. */
#define REWRITE_INTERVAL (NS_PER_S / 2)

const struct report_ops *const report_list[] = {&report_json, &report_junit, &report_tap, &report_html, NULL};

struct report_file {
	const struct report_ops *ops;
	const struct report_head *head;
	struct output *output;
	struct report_sums sums;
	struct buf text; /* kept between renderings for its memory */
	void *state;
	uint64_t opened, written; /* clock_now(); written 0: never */
	bool held_back;		  /* the file is older than the state */
};

int report_title(const struct report_head *head, const char *scenario, const char *target, uint32_t round,
		 struct buf *out)
{
	int r = buf_puts(out, scenario);

	if (r == 0 && head->targets > 1)
		r = buf_printf(out, " (%s)", target);
	if (r == 0 && head->rounds > 1)
		r = buf_printf(out, " #%u", round);
	return r;
}

/* Two rules of one case may be covered by one deviation: the case counts once. */
static void count_ignored(struct report_sums *sums, const struct report_head *head,
			  const struct result *result)
{
	bool met[IGNORE_MOST] = {false};

	for (size_t i = 0; i < result->ignored_count; i++) {
		const struct ignore *ignore =
		    ignore_find(head->ignores, result->scenario, result->ignored[i].rule->id);
		if (ignore)
			met[ignore - head->ignores->items] = true;
	}
	for (size_t i = 0; i < IGNORE_MOST; i++)
		sums->ignored[i] += met[i];
}

void report_count(struct report_sums *sums, const struct report_head *head, const struct result *result)
{
	count_ignored(sums, head, result);
	switch (result->verdict) {
	case VERDICT_PASS:
		sums->passed++;
		break;
	case VERDICT_FAIL:
		sums->failed++;
		break;
	case VERDICT_BROKEN:
		sums->broken++;
		break;
	case VERDICT_SKIP:
		sums->skipped++;
		break;
	}
	for (size_t i = 0; i < result->finding_count; i++)
		sums->findings[result->findings[i].finding.severity]++;
}

static int begin(struct report_file *report, const char *path, struct error *error)
{
	report->state = calloc(1, report->ops->state_size);
	if (!report->state)
		return error_set(error, -ENOMEM, "out of memory");
	int r = report->ops->begin(report->state, report->head, error);
	return r < 0 ? r : output_open(path, &report->output, error);
}

int report_open(const struct report_ops *ops, const char *path, const struct report_head *head,
		struct report_file **ret_report, struct error *error)
{
	struct report_file *report = calloc(1, sizeof *report);

	if (!report)
		return error_set(error, -ENOMEM, "out of memory");
	report->ops = ops;
	report->head = head;
	report->opened = clock_now();
	int r = begin(report, path, error);
	if (r < 0) {
		report_free(report);
		return r;
	}
	*ret_report = report;
	return 0;
}

/* Whether a text that is not the last may be written there. */
static bool early(const struct report_file *report)
{
	return report->ops->grows || output_replaceable(report->output);
}

static int write_now(struct report_file *report, struct error *error)
{
	buf_clear(&report->text);
	int r = report->ops->render(report->state, report->head, &report->sums, &report->text, error);
	if (r == 0)
		r = output_write(report->output, report->text.data, report->text.size, error);
	report->written = clock_now();
	report->held_back = false;
	return r;
}

int report_tick(struct report_file *report, struct error *error)
{
	uint64_t now = clock_now();

	if (!report->held_back || !early(report))
		return 0;
	if (output_replaceable(report->output) && report->written && now - report->written < REWRITE_INTERVAL)
		return 0;
	report->sums.seconds = clock_seconds(now - report->opened);
	return write_now(report, error);
}

int report_add(struct report_file *report, const struct result *result, struct error *error)
{
	int r = report->ops->add(report->state, report->head, result, error);

	if (r < 0)
		return r;
	report_count(&report->sums, report->head, result);
	report->held_back = true;
	return report_tick(report, error);
}

int report_close(struct report_file *report, const struct suite_totals *totals, double seconds,
		 struct error *error)
{
	report->sums.not_run = totals->not_run;
	report->sums.seconds = seconds;
	report->sums.over = true;
	int r = write_now(report, error);
	report_free(report);
	return r;
}

void report_free(struct report_file *report)
{
	if (!report)
		return;
	if (report->state)
		report->ops->release(report->state);
	free(report->state);
	output_free(report->output);
	buf_free(&report->text);
	free(report);
}
