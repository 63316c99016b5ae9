/* SPDX-License-Identifier: MIT */
/* The report for a browser: one file that needs no other, also well-formed XML. */
#include "report/html.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "report/formats.h"

struct html_state {
	struct fold fold;
	struct buf rows; /* of the cases, already as HTML */
};

struct page {
	const struct html_state *state;
	const struct report_head *head;
	const struct report_sums *sums;
};

static int put_style(xmlTextWriter *writer)
{
	int r = xml_start(writer, "style");

	if (r >= 0)
		r = xmlTextWriterWriteRaw(writer, BAD_CAST html_style);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_meta(xmlTextWriter *writer, const char *name, const char *content)
{
	int r = xml_start(writer, "meta");

	if (r >= 0 && !name)
		return (r = xml_attribute(writer, "charset", content)) < 0 ? r
									   : xmlTextWriterEndElement(writer);
	if (r >= 0)
		r = xml_attribute(writer, "name", name);
	if (r >= 0)
		r = xml_attribute(writer, "content", content);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_title(xmlTextWriter *writer, const struct page *page)
{
	const struct report_sums *sums = page->sums;
	int r = xml_start(writer, "title");

	if (r >= 0)
		r = xmlTextWriterWriteFormatString(
		    writer, "%u failed, %u passed: ", sums->failed + sums->broken, sums->passed);
	if (r >= 0)
		r = xml_text(writer, page->head->target, strlen(page->head->target));
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_head(xmlTextWriter *writer, const struct page *page)
{
	int r = xml_start(writer, "head");

	if (r >= 0)
		r = put_meta(writer, NULL, "utf-8");
	if (r >= 0)
		r = put_meta(writer, "viewport", "width=device-width");
	if (r >= 0)
		r = put_title(writer, page);
	if (r >= 0)
		r = put_style(writer);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_command(xmlTextWriter *writer, const struct report_head *head)
{
	struct buf line = {0};
	int r = head->command ? 0 : buf_puts(&line, head->target);

	for (char *const *word = head->command; r == 0 && word && *word; word++)
		r = buf_printf(&line, "%s%s", line.size ? " " : "", *word);
	if (r == 0)
		r = xml_leaf(writer, "pre", NULL, line.data);
	buf_free(&line);
	return r;
}

static int put_about(xmlTextWriter *writer, const struct page *page)
{
	const struct report_head *head = page->head;
	time_t when = (time_t)head->started;
	struct buf text = {0};
	char started[40] = "";
	struct tm parts;
	int r = 0;

	if (gmtime_r(&when, &parts))
		(void)strftime(started, sizeof started, "%Y-%m-%d %H:%M:%S UTC", &parts);
	if (head->protocol)
		r = buf_printf(&text, "protocol %s, ", head->protocol);
	if (r == 0 && head->watch)
		r = buf_printf(&text, "watched by %s, ", head->watch);
	if (r == 0 && !head->unseeded)
		r = buf_printf(&text, "seed %" PRIu64 ", ", head->seed);
	if (r == 0)
		r = buf_printf(&text, "%s, %.1f s, Linux %s, wringer %s", started, page->sums->seconds,
			       head->kernel, head->version);
	if (r == 0)
		r = xml_leaf(writer, "p", "meta", text.data);
	buf_free(&text);
	return r;
}

static int put_sum(xmlTextWriter *writer, const char *class, uint32_t count, const char *word)
{
	int r = xml_start(writer, "li");

	if (r >= 0)
		r = xml_attribute(writer, "class", count ? class : "dim");
	if (r >= 0)
		r = xml_start(writer, "b");
	if (r >= 0)
		r = xmlTextWriterWriteFormatString(writer, "%u", count);
	if (r >= 0)
		r = xmlTextWriterEndElement(writer);
	if (r >= 0)
		r = xmlTextWriterWriteFormatString(writer, " %s", word);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_sums(xmlTextWriter *writer, const struct report_sums *sums)
{
	const struct {
		const char *class, *word;
		uint32_t count;
	} rows[] = {
	    {"pass", "passed", sums->passed},	{"fail", "failed", sums->failed},
	    {"broken", "broken", sums->broken}, {"skip", "skipped", sums->skipped},
	    {"skip", "not run", sums->not_run},
	};
	int r = xml_start(writer, "ul");

	if (r >= 0)
		r = xml_attribute(writer, "class", "sums");
	for (size_t i = 0; r >= 0 && i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].count || i < 2)
			r = put_sum(writer, rows[i].class, rows[i].count, rows[i].word);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_findings(xmlTextWriter *writer, const struct page *page)
{
	const struct fold *fold = &page->state->fold;
	int r = fold->count ? xml_leaf(writer, "h2", NULL, "Findings") : 0;

	for (size_t i = 0; r >= 0 && i < fold->count; i++)
		r = html_finding(writer, page->head, &fold->groups[i]);
	return r;
}

/* What was let pass, and why. */
static int put_ignored(xmlTextWriter *writer, const struct page *page)
{
	const struct ignore_list *ignores = page->head->ignores;
	int r = 0;

	for (size_t i = 0; r >= 0 && ignores && i < ignores->count; i++) {
		const struct ignore *ignore = &ignores->items[i];
		struct buf text = {0};

		r = buf_printf(&text, "ignored: %s%s%s in %u case%s%s%s", ignore->rule,
			       ignore->scenario[0] ? "@" : "", ignore->scenario, page->sums->ignored[i],
			       page->sums->ignored[i] == 1 ? "" : "s", ignore->reason[0] ? ": " : "",
			       ignore->reason);
		if (r == 0)
			r = xml_leaf(writer, "p", "dim", text.data);
		buf_free(&text);
	}
	return r;
}

static int put_cases(xmlTextWriter *writer, const struct page *page)
{
	static const struct {
		const char *class, *name;
	} columns[] = {{NULL, "verdict"}, {NULL, "case"}, {"n", "seconds"}, {"n", "canary p99 ms"},
		       {"n", "cpu s"},	  {"n", "fds"},	  {NULL, "reason"}};
	int r = xml_leaf(writer, "h2", NULL, "Cases");

	if (r >= 0)
		r = xml_start(writer, "table");
	if (r >= 0)
		r = xml_attribute(writer, "class", "cases");
	if (r >= 0)
		r = xml_start(writer, "tr");
	for (size_t i = 0; r >= 0 && i < sizeof columns / sizeof columns[0]; i++)
		r = xml_leaf(writer, "th", columns[i].class, columns[i].name);
	if (r >= 0)
		r = xmlTextWriterEndElement(writer);
	if (r >= 0 && page->state->rows.size)
		r = xmlTextWriterWriteRawLen(writer, BAD_CAST page->state->rows.data,
					     (int)page->state->rows.size);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_body(xmlTextWriter *writer, const struct page *page)
{
	int r = xml_start(writer, "body");

	if (r >= 0)
		r = xml_leaf(writer, "h1", NULL, "wringer");
	if (r >= 0)
		r = put_command(writer, page->head);
	if (r >= 0)
		r = put_about(writer, page);
	if (r >= 0)
		r = put_sums(writer, page->sums);
	if (r >= 0)
		r = put_findings(writer, page);
	if (r >= 0)
		r = put_ignored(writer, page);
	if (r >= 0)
		r = put_cases(writer, page);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int page_part(xmlTextWriter *writer, const void *what)
{
	int r = xmlTextWriterWriteRaw(writer, BAD_CAST "<!DOCTYPE html>\n");

	if (r >= 0)
		r = xml_start(writer, "html");
	if (r >= 0)
		r = xml_attribute(writer, "lang", "en");
	if (r >= 0)
		r = put_head(writer, what);
	if (r >= 0)
		r = put_body(writer, what);
	return r < 0 ? r : xmlTextWriterEndDocument(writer);
}

struct one_case {
	const struct report_head *head;
	const struct result *result;
};

static int case_part(xmlTextWriter *writer, const void *what)
{
	const struct one_case *one = what;

	return html_case(writer, one->head, one->result);
}

static int html_begin(void *opaque, const struct report_head *head, struct error *error)
{
	(void)opaque, (void)head, (void)error;
	return 0;
}

static int html_add(void *opaque, const struct report_head *head, const struct result *result,
		    struct error *error)
{
	struct html_state *state = opaque;
	struct one_case one = {head, result};
	int r = xml_put(case_part, &one, &state->rows);

	if (r == 0)
		r = buf_puts(&state->rows, "\n");
	if (r == 0)
		r = fold_add(&state->fold, result);
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static int html_render(void *opaque, const struct report_head *head, const struct report_sums *sums,
		       struct buf *out, struct error *error)
{
	struct html_state *state = opaque;
	struct page page = {state, head, sums};
	int r;

	fold_sort(&state->fold);
	r = xml_put(page_part, &page, out);
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static void html_release(void *opaque)
{
	struct html_state *state = opaque;

	fold_free(&state->fold);
	buf_free(&state->rows);
}

const struct report_ops report_html = {
    .name = "html",
    .doc = "a page for the browser, in one file",
    .state_size = sizeof(struct html_state),
    .begin = html_begin,
    .add = html_add,
    .render = html_render,
    .release = html_release,
};
