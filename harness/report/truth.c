/* SPDX-License-Identifier: MIT */
#include "report/truth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/names.h"

#define NAME_WIDTH  42
#define MASK_WIDTH  21
#define SMALL_WIDTH 13

static char *number_text(int32_t value, enum mask_way way, char *out, size_t size)
{
	bool is_error = value != MASK_WAITS && (way == WAY_SO_ERROR ? value > 0 : value < 0);
	const char *name = is_error ? errno_name(value) : NULL;

	if (value == MASK_WAITS)
		(void)snprintf(out, size, "waits");
	else if (name)
		(void)snprintf(out, size, "%s", name);
	else
		(void)snprintf(out, size, way == WAY_URING_RECV ? "%d bytes" : "%d", value);
	return out;
}

static char *mask_text(uint32_t mask, char *out, size_t size)
{
	if (mask)
		return mask_short(mask, out, size);
	(void)snprintf(out, size, "-");
	return out;
}

char *truth_predicted_text(const struct truth_answer *answer, enum mask_way way, char *out, size_t size)
{
	char may[MASK_TEXT];

	if (!answer->predicted.asked) {
		(void)snprintf(out, size, "%s", "");
		return out;
	}
	if (answer->predicted.number)
		return number_text(answer->predicted.value, way, out, size);
	(void)mask_text(answer->predicted.must, out, size);
	if (answer->predicted.may) {
		size_t used = strlen(out);
		(void)snprintf(out + used, size - used, " (%s)",
			       mask_short(answer->predicted.may, may, sizeof may));
	}
	return out;
}

char *truth_observed_text(const struct truth_answer *answer, enum mask_way way, char *out, size_t size)
{
	const char *name = errno_name(answer->failed);

	if (!answer->predicted.asked)
		(void)snprintf(out, size, "%s", "");
	else if (answer->failed)
		(void)snprintf(out, size, "not asked: %s", name ? name : "?");
	else if (answer->predicted.number)
		return number_text(answer->value, way, out, size);
	else
		return mask_text(answer->mask, out, size);
	return out;
}

static const char *mark(const struct style *style, enum truth_verdict verdict)
{
	static const enum verdict as_case[TRUTH_VERDICTS] = {VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP,
							     VERDICT_BROKEN};

	return style_verdict_mark(style, as_case[verdict]);
}

static enum tint tint(enum truth_verdict verdict)
{
	static const enum tint tints[TRUTH_VERDICTS] = {TINT_GOOD, TINT_BAD, TINT_DIM, TINT_BROKEN};

	return tints[verdict];
}

static int put_mark(const struct style *style, enum truth_verdict verdict, struct buf *out)
{
	int r = style_put(style, tint(verdict), mark(style, verdict), out);

	return r < 0 ? r : buf_puts(out, " ");
}

/* What epoll, poll and io_uring's poll agree on stands once: the level's word for all four. */
static int put_line(const struct truth_state_row *row, struct buf *out)
{
	char predicted[MASK_TEXT], observed[MASK_TEXT], selected[MASK_TEXT], so_error[MASK_TEXT],
	    received[MASK_TEXT];
	const struct truth_answer *answers = row->answers;

	return buf_printf(
	    out, "%-*s  %-*s  %-*s  %-*s  %-*s  %s\n", NAME_WIDTH, row->model->state, MASK_WIDTH,
	    truth_predicted_text(&answers[WAY_LEVEL], WAY_LEVEL, predicted, sizeof predicted), MASK_WIDTH,
	    truth_observed_text(&answers[WAY_LEVEL], WAY_LEVEL, observed, sizeof observed), SMALL_WIDTH,
	    truth_observed_text(&answers[WAY_SELECT], WAY_SELECT, selected, sizeof selected), SMALL_WIDTH,
	    truth_observed_text(&answers[WAY_SO_ERROR], WAY_SO_ERROR, so_error, sizeof so_error),
	    truth_observed_text(&answers[WAY_URING_RECV], WAY_URING_RECV, received, sizeof received));
}

static int put_way(const struct truth_state_row *row, enum mask_way way, const struct style *style,
		   struct buf *out)
{
	char predicted[MASK_TEXT], observed[MASK_TEXT], line[3 * MASK_TEXT];
	const struct truth_answer *answer = &row->answers[way];

	(void)snprintf(line, sizeof line, "    %-*s  %-*s  %s", NAME_WIDTH - 2, mask_way_name(way),
		       MASK_WIDTH, truth_predicted_text(answer, way, predicted, sizeof predicted),
		       truth_observed_text(answer, way, observed, sizeof observed));
	int r = style_put(style, answer->same ? TINT_DIM : TINT_BAD, line, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

static int put_source(const char *source, const struct style *style, struct buf *out)
{
	int r = buf_puts(out, "    ");

	if (r == 0)
		r = style_put(style, TINT_DIM, source, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

static int put_state(const struct truth_state_row *row, const struct truth_form *form,
		     const struct style *style, struct buf *out)
{
	bool made = row->answers[WAY_LEVEL].predicted.asked;
	int r = put_mark(style, row->verdict, out);

	if (r == 0)
		r = made ? put_line(row, out)
			 : buf_printf(out, "%-*s  %s\n", NAME_WIDTH, row->model->state, row->reason);
	for (enum mask_way way = 0; r == 0 && made && way < WAY_COUNT; way++)
		if (row->answers[way].predicted.asked && (form->verbose || !row->answers[way].same))
			r = put_way(row, way, style, out);
	if (r == 0 && (form->verbose || row->verdict == TRUTH_DIFFERS))
		r = put_source(row->model->source, style, out);
	return r;
}

static int put_head(const struct style *style, struct buf *out)
{
	char head[256];

	(void)snprintf(head, sizeof head, "  %-*s  %-*s  %-*s  %-*s  %-*s  %s", NAME_WIDTH, "state",
		       MASK_WIDTH, "predicted", MASK_WIDTH, "observed", SMALL_WIDTH, "select", SMALL_WIDTH,
		       "SO_ERROR", "io_uring receive");
	int r = style_put(style, TINT_DIM, head, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

static int put_states(const struct truth *truth, const struct truth_form *form, const struct style *style,
		      struct buf *out)
{
	bool headed = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < truth->state_count; i++) {
		const struct truth_state_row *row = &truth->states[i];
		if (form->quiet && row->verdict == TRUTH_SAME)
			continue;
		if (!headed)
			r = put_head(style, out);
		headed = true;
		if (r == 0)
			r = put_state(row, form, style, out);
	}
	return r;
}

/* A belief that is refuted is as predicted. */
static int put_story(const struct truth_story_row *row, const struct truth_form *form,
		     const struct style *style, struct buf *out)
{
	const char *observed = row->observed.data ? row->observed.data : "";
	bool played = row->verdict == TRUTH_SAME || row->verdict == TRUTH_DIFFERS;
	int r = put_mark(style, row->verdict, out);

	if (r == 0)
		r = style_put(style, row->model->belief ? TINT_BOLD : TINT_NONE, row->model->says, out);
	if (r == 0 && row->model->belief && row->verdict == TRUTH_SAME)
		r = buf_puts(out, ": refuted");
	if (r == 0)
		r = buf_puts(out, "\n");
	if (r == 0)
		r = buf_printf(out, "    predicted  %s\n    observed   %s\n", row->model->expect,
			       played ? observed : row->reason);
	if (r == 0 && (form->verbose || row->verdict == TRUTH_DIFFERS))
		r = put_source(row->model->source, style, out);
	return r;
}

static int put_stories(const struct truth *truth, bool beliefs, const struct truth_form *form,
		       const struct style *style, struct buf *out)
{
	bool headed = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < truth->story_count; i++) {
		const struct truth_story_row *row = &truth->stories[i];
		if (row->model->belief != beliefs || (form->quiet && row->verdict == TRUTH_SAME))
			continue;
		if (!headed)
			r = style_put(style, TINT_DIM,
				      beliefs ? "  common beliefs, and what refutes them"
					      : "  in sequence (- is no event)",
				      out);
		if (!headed && r == 0)
			r = buf_puts(out, "\n");
		headed = true;
		if (r == 0)
			r = put_story(row, form, style, out);
	}
	return r;
}

static int put_summary(const struct truth *truth, const struct truth_form *form, const struct style *style,
		       struct buf *out)
{
	char line[192];
	const char *dot = style->utf8 ? "\xc2\xb7" : "-";
	bool fine = !truth->counts[TRUTH_DIFFERS] && !truth->counts[TRUTH_BROKEN];

	(void)snprintf(line, sizeof line,
		       "%zu as predicted, %zu differ, %zu broken, %zu skipped %s Linux %s %s %.1f s",
		       truth->counts[TRUTH_SAME], truth->counts[TRUTH_DIFFERS], truth->counts[TRUTH_BROKEN],
		       truth->counts[TRUTH_SKIPPED], dot, form->kernel, dot, truth->seconds);
	int r = style_put(style, fine ? TINT_GOOD : TINT_BAD, line, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

int truth_put(const struct truth *truth, const struct truth_form *form, const struct style *style,
	      struct buf *out)
{
	int r = put_states(truth, form, style, out);

	if (r == 0)
		r = put_stories(truth, false, form, style, out);
	if (r == 0)
		r = put_stories(truth, true, form, style, out);
	return r < 0 ? r : put_summary(truth, form, style, out);
}
