/* SPDX-License-Identifier: MIT */
#include "report/timeline.h"

#include <errno.h>
#include <string.h>
#include "report/story.h"
#include "report/text.h"

#define INDENT	     5	/* of what belongs to a finding */
#define STORY_COLUMN 22 /* where a time line's text begins: indent, time, side */

/* Wraps text that starts in column at; its own line end behind it. */
static int put_wrapped(const struct style *style, const char *text, size_t at, size_t indent, struct buf *out)
{
	struct buf line = {0};
	int r = text_clean(style->utf8 ? TEXT_LINE : TEXT_ASCII, text, strlen(text), &line);

	if (r == 0 && line.size)
		r = text_wrap(line.data, at, indent, style->columns, out);
	buf_free(&line);
	return r < 0 ? r : buf_puts(out, "\n");
}

int timeline_paragraph(const struct style *style, size_t indent, const char *text, struct buf *out)
{
	int r = buf_printf(out, "%*s", (int)indent, "");

	return r < 0 ? r : put_wrapped(style, text, indent, indent, out);
}

/* "     mend: " in grey, then the text behind it. */
int timeline_labelled(const struct style *style, const char *label, const char *text, struct buf *out)
{
	size_t indent = INDENT + strlen(label) + 1;
	int r = buf_printf(out, "%*s", INDENT, "");

	if (r == 0)
		r = style_put(style, TINT_DIM, label, out);
	if (r == 0)
		r = buf_puts(out, " ");
	return r < 0 ? r : put_wrapped(style, text, indent, indent, out);
}

int timeline_again(const struct style *style, const struct report_head *head, const char *scenario,
		   const char *target, uint32_t round, struct buf *out)
{
	struct buf line = {0};
	int r = head->again ? head->again(head->again_arg, scenario, target, round, &line) : 0;

	/* Not wrapped: a command must survive being copied. */
	if (r == 0 && line.size) {
		r = buf_printf(out, "%*s", INDENT, "");
		if (r == 0)
			r = style_put(style, TINT_DIM, "again:", out);
		if (r == 0)
			r = buf_puts(out, " ");
		if (r == 0)
			r = style_put(style, TINT_NONE, line.data, out);
		if (r == 0)
			r = buf_puts(out, "\n");
	}
	buf_free(&line);
	return r;
}

static int put_headline(const struct style *style, const struct report_head *head,
			const struct fold_group *group, struct buf *out)
{
	const struct finding *facts = &group->best.finding;
	const struct fold_case *where = &group->cases[group->best_case];
	enum tint tint = style_severity_tint(facts->severity);
	struct buf title = {0};
	int r = report_title(head, where->scenario, where->target, where->round, &title);

	if (r == 0)
		r = style_put(style, tint, style_severity_mark(style, facts->severity), out);
	if (r == 0)
		r = buf_puts(out, " ");
	if (r == 0)
		r = style_put(style, TINT_BOLD, facts->rule->id, out);
	if (r == 0)
		r = buf_puts(out, "  ");
	if (r == 0)
		r = style_put(style, tint, severity_name(facts->severity), out);
	if (r == 0)
		r = buf_puts(out, "  in ");
	if (r == 0)
		r = style_put(style, TINT_NONE, title.data, out);
	buf_free(&title);
	return r < 0 ? r : buf_puts(out, "\n");
}

/* The column "0.1011 kernel " is grey, so that the eye goes to what happened. */
static int put_story(const struct style *style, const struct evidence *line, struct buf *out)
{
	struct buf whole = {0};
	char stamp[STORY_COLUMN];
	int r = story_evidence(line, &whole);
	size_t stamp_size = STORY_COLUMN - INDENT;

	if (r == 0 && whole.size >= stamp_size) {
		memcpy(stamp, whole.data, stamp_size);
		stamp[stamp_size] = 0;
		r = buf_printf(out, "%*s", INDENT, "");
		if (r == 0)
			r = style_put(style, TINT_DIM, stamp, out);
		if (r == 0)
			r = put_wrapped(style, whole.data + stamp_size, STORY_COLUMN, STORY_COLUMN, out);
	}
	buf_free(&whole);
	return r;
}

static int put_mend(const struct style *style, const struct rule *rule, struct buf *out)
{
	struct buf text = {0};
	const char *mend = rule->mend ? rule->mend : "";
	int r = buf_append(&text, mend, story_sentence(mend));

	if (r == 0)
		r = buf_printf(&text, "%s(wringer explain %s)", text.size ? " " : "", rule->id);
	if (r == 0)
		r = timeline_labelled(style, "mend:", text.data, out);
	buf_free(&text);
	return r;
}

static int put_elsewhere(const struct style *style, const struct report_head *head,
			 const struct fold_group *group, struct buf *out)
{
	struct report_head plain = {.targets = head->targets};
	struct buf list = {0};
	int r = 0;

	if (group->case_count < 2)
		return 0;
	for (size_t i = 0; r == 0 && i < group->case_count; i++) {
		const struct fold_case *where = &group->cases[i];
		if (i == group->best_case)
			continue;
		r = list.size ? buf_puts(&list, ", ") : 0;
		if (r == 0)
			r = report_title(&plain, where->scenario, where->target, where->round, &list);
	}
	if (r == 0)
		r = timeline_labelled(style, "also in:", list.data, out);
	buf_free(&list);
	return r;
}

static int put_more(const struct style *style, const struct fold_group *group, struct buf *out)
{
	const struct fold_case *where = &group->cases[group->best_case];
	char text[64];

	if (where->count < 2)
		return 0;
	(void)snprintf(text, sizeof text, "%u more like it there", where->count - 1);
	return timeline_labelled(style, "and:", text, out);
}

int timeline_put(const struct style *style, const struct report_head *head, const struct fold_group *group,
		 bool brief, struct buf *out)
{
	const struct result_finding *best = &group->best;
	const struct fold_case *where = &group->cases[group->best_case];
	int r = put_headline(style, head, group, out);

	if (r == 0)
		r = timeline_paragraph(style, 2, best->finding.message, out);
	for (size_t i = 0; r == 0 && !brief && i < best->evidence.count; i++)
		r = put_story(style, &best->evidence.lines[i], out);
	if (r == 0)
		r = put_more(style, group, out);
	if (r == 0)
		r = put_mend(style, best->finding.rule, out);
	if (r == 0 && !brief)
		r = timeline_again(style, head, where->scenario, where->target, where->round, out);
	return r < 0 ? r : put_elsewhere(style, head, group, out);
}
