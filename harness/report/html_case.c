/* SPDX-License-Identifier: MIT */
/* A case on the HTML page: a row of its table. */
#include "report/html.h"

#include <inttypes.h>
#include <string.h>
#include "report/story.h"

static int put_number(xmlTextWriter *writer, const char *format, double value)
{
	char text[40] = "";

	if (value >= 0)
		(void)snprintf(text, sizeof text, format, value);
	return xml_leaf(writer, "td", "n", text);
}

static int put_fds(xmlTextWriter *writer, const struct result_measures *measures)
{
	char text[48] = "";

	if (measures->fds_before >= 0 && measures->fds_after >= 0)
		(void)snprintf(text, sizeof text, "%" PRId64 " \xe2\x86\x92 %" PRId64, measures->fds_before,
			       measures->fds_after);
	return xml_leaf(writer, "td", "n", text);
}

/* Why, and below it the target's last words. */
static int put_reason(xmlTextWriter *writer, const struct result *result)
{
	int r = xml_start(writer, "td");
	const char *reason = story_reason(result);

	if (r >= 0)
		r = xml_text(writer, reason, strlen(reason));
	if (r >= 0 && result->output[0] && result->verdict != VERDICT_PASS)
		r = xml_leaf(writer, "pre", NULL, result->output);
	return r < 0 ? r : xmlTextWriterFullEndElement(writer);
}

int html_case(xmlTextWriter *writer, const struct report_head *head, const struct result *result)
{
	const struct result_measures *measures = &result->measures;
	const char *verdict = verdict_name(result->verdict);
	struct buf title = {0};
	int r = report_title(head, result->scenario, result->target, result->round, &title);

	if (r == 0)
		r = xml_start(writer, "tr");
	if (r >= 0)
		r = xml_leaf(writer, "td", verdict, verdict);
	if (r >= 0)
		r = xml_leaf(writer, "td", NULL, title.data);
	if (r >= 0)
		r = put_number(writer, "%.2f", result->seconds);
	if (r >= 0)
		r = put_number(writer, "%.1f", measures->canary_p99_ms > 0 ? measures->canary_p99_ms : -1);
	if (r >= 0)
		r = put_number(writer, "%.2f", measures->calls ? measures->cpu_seconds : -1);
	if (r >= 0)
		r = put_fds(writer, measures);
	if (r >= 0)
		r = put_reason(writer, result);
	buf_free(&title);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}
