/* SPDX-License-Identifier: MIT */
#include "report/trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report/timeline.h"

#define TEXT_INDENT 5
#define LINES_SHOWN 6

struct trouble {
	struct result first;  /* without its findings and masks */
	struct buf elsewhere; /* titles of the other cases, joined by commas */
};

static struct trouble *same_reason(const struct trouble_list *list, const struct result *result)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].first.verdict == result->verdict &&
		    strcmp(list->items[i].first.reason, result->reason) == 0)
			return &list->items[i];
	return NULL;
}

static int join(struct trouble *trouble, const struct report_head *head, const struct result *result)
{
	int r = trouble->elsewhere.size ? buf_puts(&trouble->elsewhere, ", ") : 0;

	return r < 0
		   ? r
		   : report_title(head, result->scenario, result->target, result->round, &trouble->elsewhere);
}

int trouble_add(struct trouble_list *list, const struct report_head *head, const struct result *result)
{
	struct trouble *found = same_reason(list, result);

	if (found)
		return join(found, head, result);
	found = array_grow(list->items, list->count, &list->capacity, sizeof *list->items);
	if (!found)
		return -ENOMEM;
	list->items = found;
	found += list->count++;
	*found = (struct trouble){.first = *result};
	found->first.findings = NULL;
	found->first.finding_count = 0;
	found->first.masks = NULL;
	found->first.mask_count = 0;
	return 0;
}

static int put_headline(const struct style *style, const struct report_head *head,
			const struct result *result, struct buf *out)
{
	enum tint tint = style_verdict_tint(result->verdict);
	struct buf title = {0};
	int r = report_title(head, result->scenario, result->target, result->round, &title);

	if (r == 0)
		r = style_put(style, tint, style_verdict_mark(style, result->verdict), out);
	if (r == 0)
		r = buf_puts(out, " ");
	if (r == 0)
		r = style_put(style, TINT_BOLD, title.data, out);
	if (r == 0)
		r = buf_puts(out, "  ");
	if (r == 0)
		r = style_put(style, tint, result->verdict == VERDICT_FAIL ? "failed" : "broken", out);
	buf_free(&title);
	return r < 0 ? r : buf_puts(out, "\n");
}

/* The end of it: a log of every request would bury the reason. */
static const char *last_lines(const char *output)
{
	const char *at = output + strlen(output);
	unsigned lines = 0;

	while (at > output && !(at[-1] == '\n' && at[0] && ++lines == LINES_SHOWN))
		at--;
	return at;
}

static int put_output(const struct style *style, const char *output, struct buf *out)
{
	output = last_lines(output);
	int r = output[0] ? timeline_paragraph(style, TEXT_INDENT, "the target's last words:", out) : 0;

	while (r == 0 && *output) {
		char line[sizeof((struct result *)0)->output];
		size_t size = strcspn(output, "\n");
		memcpy(line, output, size);
		line[size] = 0;
		r = timeline_paragraph(style, TEXT_INDENT + 2, line, out);
		output += size + (output[size] == '\n');
	}
	return r;
}

static int put_one(const struct style *style, const struct report_head *head, const struct trouble *trouble,
		   struct buf *out)
{
	const struct result *first = &trouble->first;
	int r = put_headline(style, head, first, out);

	if (r == 0 && first->reason[0])
		r = timeline_paragraph(style, 2, first->reason, out);
	if (r == 0)
		r = put_output(style, first->output, out);
	if (r == 0)
		r = timeline_again(style, head, first->scenario, first->target, first->round, out);
	if (r == 0 && trouble->elsewhere.size)
		r = timeline_labelled(style, "also in:", trouble->elsewhere.data, out);
	return r;
}

int trouble_put(const struct style *style, const struct report_head *head, const struct trouble_list *list,
		struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		r = buf_puts(out, "\n");
		if (r == 0)
			r = put_one(style, head, &list->items[i], out);
	}
	return r;
}

void trouble_free(struct trouble_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		buf_free(&list->items[i].elsewhere);
	free(list->items);
	*list = (struct trouble_list){0};
}
