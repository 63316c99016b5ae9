/* SPDX-License-Identifier: MIT */
/* The Test Anything Protocol, version 14: a line a case, what went wrong as YAML below it. */
#include "report/formats.h"

#include <errno.h>
#include <string.h>
#include "report/story.h"
#include "report/text.h"

struct tap_state {
	struct buf lines;
	uint32_t count;
	struct buf scratch;
};

/* A description: one line, in which '#' would start a directive and '\' an escape. */
static int put_plain(struct buf *scratch, const char *text, struct buf *out)
{
	buf_clear(scratch);
	int r = text_clean(TEXT_LINE, text, strlen(text), scratch);

	for (size_t i = 0; r == 0 && i < scratch->size; i++) {
		if (scratch->data[i] == '#' || scratch->data[i] == '\\')
			r = buf_puts(out, "\\");
		if (r == 0)
			r = buf_append(out, &scratch->data[i], 1);
	}
	return r;
}

/* A double-quoted YAML scalar. */
static int put_quoted(struct buf *scratch, const char *text, struct buf *out)
{
	buf_clear(scratch);
	int r = text_clean(TEXT_LINE, text, strlen(text), scratch);

	if (r == 0)
		r = buf_puts(out, "\"");
	for (size_t i = 0; r == 0 && i < scratch->size; i++) {
		if (scratch->data[i] == '"' || scratch->data[i] == '\\')
			r = buf_puts(out, "\\");
		if (r == 0)
			r = buf_append(out, &scratch->data[i], 1);
	}
	return r < 0 ? r : buf_puts(out, "\"\n");
}

static int put_evidence(struct tap_state *state, const struct evidence_list *list)
{
	struct buf line = {0};
	int r = list->count ? buf_puts(&state->lines, "      evidence:\n") : 0;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		buf_clear(&line);
		r = story_evidence(&list->lines[i], &line);
		if (r == 0)
			r = buf_puts(&state->lines, "        - ");
		if (r == 0)
			r = put_quoted(&state->scratch, line.data, &state->lines);
	}
	buf_free(&line);
	return r;
}

static int put_finding(struct tap_state *state, const struct result_finding *finding)
{
	const struct finding *facts = &finding->finding;
	int r =
	    buf_printf(&state->lines, "    - rule: %s\n      severity: %s\n      message: ", facts->rule->id,
		       severity_name(facts->severity));

	if (r == 0)
		r = put_quoted(&state->scratch, facts->message, &state->lines);
	return r < 0 ? r : put_evidence(state, &finding->evidence);
}

static int put_yaml(struct tap_state *state, const struct result *result)
{
	int r = buf_printf(&state->lines, "  ---\n  verdict: %s\n  seconds: %.3f\n",
			   verdict_name(result->verdict), result->seconds);

	if (r == 0 && story_reason(result)[0]) {
		r = buf_puts(&state->lines, "  message: ");
		if (r == 0)
			r = put_quoted(&state->scratch, story_reason(result), &state->lines);
	}
	if (r == 0 && result->finding_count)
		r = buf_puts(&state->lines, "  findings:\n");
	for (size_t i = 0; r == 0 && i < result->finding_count; i++)
		r = put_finding(state, &result->findings[i]);
	return r < 0 ? r : buf_puts(&state->lines, "  ...\n");
}

static int put_line(struct tap_state *state, const struct report_head *head, const struct result *result)
{
	bool ok = result->verdict == VERDICT_PASS || result->verdict == VERDICT_SKIP;
	struct buf title = {0};
	int r = report_title(head, result->scenario, result->target, result->round, &title);

	if (r == 0)
		r = buf_printf(&state->lines, "%s %u - ", ok ? "ok" : "not ok", state->count + 1);
	if (r == 0)
		r = put_plain(&state->scratch, title.data, &state->lines);
	if (r == 0 && result->verdict == VERDICT_SKIP) {
		r = buf_puts(&state->lines, " # SKIP ");
		if (r == 0)
			r = put_plain(&state->scratch, result->reason, &state->lines);
	}
	buf_free(&title);
	return r < 0 ? r : buf_puts(&state->lines, "\n");
}

static int tap_begin(void *opaque, const struct report_head *head, struct error *error)
{
	struct tap_state *state = opaque;
	int r = buf_printf(&state->lines, "TAP version 14\n1..%u\n", head->planned);

	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static int tap_add(void *opaque, const struct report_head *head, const struct result *result,
		   struct error *error)
{
	struct tap_state *state = opaque;
	size_t before = state->lines.size;
	int r = put_line(state, head, result);

	if (r == 0 &&
	    (result->finding_count || (result->verdict != VERDICT_PASS && result->verdict != VERDICT_SKIP)))
		r = put_yaml(state, result);
	if (r < 0) {
		/* Half a case would make the rest unreadable. */
		state->lines.size = before;
		return error_set(error, r, "out of memory");
	}
	state->count++;
	return 0;
}

static int tap_render(void *opaque, const struct report_head *head, const struct report_sums *sums,
		      struct buf *out, struct error *error)
{
	struct tap_state *state = opaque;
	int r = buf_append(out, state->lines.data, state->lines.size);

	if (r == 0 && sums->over)
		r = buf_printf(out, "# %u passed, %u failed, %u broken, %u skipped, seed %llu\n",
			       sums->passed, sums->failed, sums->broken, sums->skipped,
			       (unsigned long long)head->seed);
	/* A plan that is not fulfilled is a failure to every reader; this says why. */
	if (r == 0 && sums->over && state->count < head->planned)
		r = buf_printf(out, "Bail out! %u cases were not run\n",
			       head->planned - state->count);
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static void tap_release(void *opaque)
{
	struct tap_state *state = opaque;

	buf_free(&state->lines);
	buf_free(&state->scratch);
}

const struct report_ops report_tap = {
    .name = "tap",
    .doc = "the Test Anything Protocol, version 14",
    .state_size = sizeof(struct tap_state),
    .grows = true,
    .begin = tap_begin,
    .add = tap_add,
    .render = tap_render,
    .release = tap_release,
};
