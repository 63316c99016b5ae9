/* SPDX-License-Identifier: MIT */
/* The report for CI systems: JUnit's XML, a suite a target, the evidence inside the failure. */
#include "report/formats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report/story.h"
#include "report/xml.h"

/* The cases of one target, already as XML: only the counts above them change with each case. */
struct junit_suite {
	char target[64];
	struct report_sums sums;
	double seconds;
	struct buf cases;
};

struct junit_state {
	struct junit_suite *suites;
	size_t count, capacity;
};

/* Which element says what became of it; NULL: a bare testcase has passed. */
static const char *verdict_element(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		return NULL;
	case VERDICT_FAIL:
		return "failure";
	case VERDICT_BROKEN:
		return "error";
	case VERDICT_SKIP:
		return "skipped";
	}
	return "error";
}

static int write_findings(xmlTextWriter *writer, const struct result *result)
{
	struct buf text = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < result->finding_count; i++)
		r = story_finding(&result->findings[i], 0, &text);
	if (r == 0 && text.size)
		r = xml_text(writer, text.data, text.size);
	buf_free(&text);
	return r;
}

static const char *finding_type(const struct result *result)
{
	return result->finding_count ? result->findings[0].finding.rule->id : verdict_name(result->verdict);
}

/* The element a case's findings stand in. Warnings of a case that passed are no failure: they are its output.
 */
static int start_outcome(xmlTextWriter *writer, const struct result *result, const char *element)
{
	if (!element)
		return xml_start(writer, "system-out");
	int r = xml_start(writer, element);
	if (r >= 0)
		r = xml_attribute(writer, "message", story_reason(result));
	if (r >= 0 && result->verdict != VERDICT_SKIP)
		r = xml_attribute(writer, "type", finding_type(result));
	return r;
}

static int write_output(xmlTextWriter *writer, const struct result *result)
{
	int r = xml_start(writer, "system-err");

	if (r >= 0)
		r = xml_text(writer, result->output, strlen(result->output));
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int write_outcome(xmlTextWriter *writer, const struct result *result)
{
	const char *element = verdict_element(result->verdict);
	int r = 0;

	if (element || result->finding_count) {
		r = start_outcome(writer, result, element);
		if (r >= 0)
			r = write_findings(writer, result);
		if (r >= 0)
			r = xmlTextWriterEndElement(writer);
	}
	return r >= 0 && element && result->output[0] ? write_output(writer, result) : r;
}

static int write_case(xmlTextWriter *writer, const struct report_head *head, const struct result *result)
{
	struct report_head alone = {.rounds = head->rounds}; /* the suite names the target */
	struct buf title = {0};
	int r = report_title(&alone, result->scenario, result->target, result->round, &title);

	if (r == 0)
		r = xml_start(writer, "testcase");
	if (r >= 0)
		r = xml_attribute(writer, "classname", result->target);
	if (r >= 0)
		r = xml_attribute(writer, "name", title.data);
	if (r >= 0)
		r = xmlTextWriterWriteFormatAttribute(writer, BAD_CAST "time", "%.3f", result->seconds);
	if (r >= 0)
		r = write_outcome(writer, result);
	buf_free(&title);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

struct one_case {
	const struct report_head *head;
	const struct result *result;
};

static int case_part(xmlTextWriter *writer, const void *what)
{
	const struct one_case *one = what;

	return write_case(writer, one->head, one->result);
}

static int write_counts(xmlTextWriter *writer, const struct report_sums *sums, double seconds)
{
	const struct {
		const char *name;
		uint32_t count;
	} counts[] = {
	    {"tests", sums->passed + sums->failed + sums->broken + sums->skipped},
	    {"failures", sums->failed},
	    {"errors", sums->broken},
	    {"skipped", sums->skipped},
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof counts / sizeof counts[0]; i++)
		r = xmlTextWriterWriteFormatAttribute(writer, BAD_CAST counts[i].name, "%u", counts[i].count);
	return r < 0 ? r : xmlTextWriterWriteFormatAttribute(writer, BAD_CAST "time", "%.3f", seconds);
}

struct document {
	const struct junit_state *state;
	const struct report_sums *sums;
};

static int write_suite(xmlTextWriter *writer, const struct junit_suite *suite)
{
	int r = xmlTextWriterWriteRaw(writer, BAD_CAST "\n");

	if (r >= 0)
		r = xml_start(writer, "testsuite");

	if (r >= 0)
		r = xml_attribute(writer, "name", suite->target);
	if (r >= 0)
		r = write_counts(writer, &suite->sums, suite->seconds);
	if (r >= 0)
		r = xmlTextWriterWriteRaw(writer, BAD_CAST "\n");
	if (r >= 0)
		r = xmlTextWriterWriteRawLen(writer, BAD_CAST suite->cases.data, (int)suite->cases.size);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int document_part(xmlTextWriter *writer, const void *what)
{
	const struct document *document = what;
	int r = xmlTextWriterStartDocument(writer, NULL, "UTF-8", NULL);

	if (r >= 0)
		r = xml_start(writer, "testsuites");
	if (r >= 0)
		r = xml_attribute(writer, "name", "wringer");
	if (r >= 0)
		r = write_counts(writer, document->sums, document->sums->seconds);
	for (size_t i = 0; r >= 0 && i < document->state->count; i++)
		r = write_suite(writer, &document->state->suites[i]);
	if (r >= 0)
		r = xmlTextWriterEndElement(writer);
	return r < 0 ? r : xmlTextWriterEndDocument(writer);
}

static int junit_begin(void *opaque, const struct report_head *head, struct error *error)
{
	(void)opaque, (void)head, (void)error;
	return 0;
}

static struct junit_suite *find_suite(struct junit_state *state, const char *target)
{
	for (size_t i = 0; i < state->count; i++)
		if (strcmp(state->suites[i].target, target) == 0)
			return &state->suites[i];
	struct junit_suite *grown =
	    array_grow(state->suites, state->count, &state->capacity, sizeof *state->suites);
	if (!grown)
		return NULL;
	state->suites = grown;
	grown += state->count++;
	*grown = (struct junit_suite){0};
	(void)snprintf(grown->target, sizeof grown->target, "%s", target);
	return grown;
}

static int junit_add(void *opaque, const struct report_head *head, const struct result *result,
		     struct error *error)
{
	struct junit_suite *suite = find_suite(opaque, result->target);
	struct one_case one = {head, result};
	int r = suite ? xml_put(case_part, &one, &suite->cases) : -ENOMEM;

	if (r == 0)
		r = buf_puts(&suite->cases, "\n");
	if (r < 0)
		return error_set(error, r, "out of memory");
	report_count(&suite->sums, head, result);
	suite->seconds += result->seconds;
	return 0;
}

static int junit_render(void *opaque, const struct report_head *head, const struct report_sums *sums,
			struct buf *out, struct error *error)
{
	struct document document = {opaque, sums};
	int r = xml_put(document_part, &document, out);

	(void)head;
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static void junit_release(void *opaque)
{
	struct junit_state *state = opaque;

	for (size_t i = 0; i < state->count; i++)
		buf_free(&state->suites[i].cases);
	free(state->suites);
}

const struct report_ops report_junit = {
    .name = "junit",
    .doc = "JUnit XML, as CI systems read it",
    .state_size = sizeof(struct junit_state),
    .begin = junit_begin,
    .add = junit_add,
    .render = junit_render,
    .release = junit_release,
};
