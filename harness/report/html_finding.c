/* SPDX-License-Identifier: MIT */
/* A finding on the HTML page: what, where, both sides in time, how to mend it, how to see it again. */
#include "report/html.h"

#include <string.h>
#include "base/clock.h"
#include "report/story.h"

static int put_head(xmlTextWriter *writer, const struct report_head *head, const struct fold_group *group)
{
	const struct finding *facts = &group->best.finding;
	const struct fold_case *where = &group->cases[group->best_case];
	struct buf title = {0};
	int r = report_title(head, where->scenario, where->target, where->round, &title);

	if (r == 0)
		r = xml_start(writer, "h3");
	if (r >= 0)
		r = xml_leaf(writer, "span", "badge", severity_name(facts->severity));
	if (r >= 0)
		r = xml_text(writer, facts->rule->id, strlen(facts->rule->id));
	if (r >= 0)
		r = xmlTextWriterEndElement(writer);
	if (r >= 0)
		r = xml_leaf(writer, "p", "message", facts->message);
	if (r >= 0)
		r = xml_start(writer, "p");
	if (r >= 0)
		r = xml_attribute(writer, "class", "where");
	if (r >= 0)
		r = xmlTextWriterWriteString(writer, BAD_CAST "in ");
	if (r >= 0)
		r = xml_text(writer, title.data, title.size);
	if (r >= 0 && where->count > 1)
		r = xmlTextWriterWriteFormatString(writer, ", %u times", where->count);
	buf_free(&title);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_row(xmlTextWriter *writer, const struct evidence *line)
{
	const char *side = story_side(line->side);
	char at[32] = "";
	int r = xml_start(writer, "tr");

	if (!story_folded(line))
		(void)snprintf(at, sizeof at, "%.4f", clock_seconds(line->at));
	if (r >= 0)
		r = xml_leaf(writer, "td", "n", at);
	if (r >= 0)
		r = xml_leaf(writer, "td", side, *at ? side : "");
	if (r >= 0)
		r = xml_leaf(writer, "td", side, line->text);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_story(xmlTextWriter *writer, const struct result_finding *finding)
{
	const struct evidence_list *list = &finding->evidence;
	int r = list->count ? html_lanes(writer, finding) : 0;

	if (r < 0 || !list->count)
		return r;
	r = xml_start(writer, "table");
	if (r >= 0)
		r = xml_attribute(writer, "class", "story");
	for (size_t i = 0; r >= 0 && i < list->count; i++)
		r = put_row(writer, &list->lines[i]);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

/* <dt>label</dt><dd><element>text</element></dd>; nothing when there is nothing to say. */
static int put_item(xmlTextWriter *writer, const char *label, const char *element, const char *text)
{
	int r;

	if (!text || !*text)
		return 0;
	r = xml_leaf(writer, "dt", NULL, label);
	if (r >= 0)
		r = xml_start(writer, "dd");
	if (r >= 0)
		r = xml_leaf(writer, element, NULL, text);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_elsewhere(xmlTextWriter *writer, const struct report_head *head,
			 const struct fold_group *group)
{
	struct report_head plain = {.targets = head->targets};
	struct buf list = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < group->case_count; i++) {
		const struct fold_case *where = &group->cases[i];

		if (i == group->best_case)
			continue;
		r = list.size ? buf_puts(&list, ", ") : 0;
		if (r == 0)
			r = report_title(&plain, where->scenario, where->target, where->round, &list);
	}
	if (r == 0)
		r = put_item(writer, "also in", "span", list.data);
	buf_free(&list);
	return r;
}

static int put_again(xmlTextWriter *writer, const struct report_head *head, const struct fold_group *group)
{
	const struct fold_case *where = &group->cases[group->best_case];
	struct buf line = {0};
	int r = head->again
		    ? head->again(head->again_arg, where->scenario, where->target, where->round, &line)
		    : 0;

	if (r == 0)
		r = put_item(writer, "see it again", "pre", line.data);
	buf_free(&line);
	return r;
}

static int put_rule(xmlTextWriter *writer, const struct rule *rule)
{
	int r = xml_start(writer, "details");

	if (r >= 0)
		r = xml_leaf(writer, "summary", NULL, rule->doc);
	if (r >= 0)
		r = xml_start(writer, "dl");
	if (r >= 0)
		r = put_item(writer, "what it does to a server", "span", rule->why);
	if (r >= 0)
		r = put_item(writer, "how it is decided", "span", rule->how);
	if (r >= 0)
		r = put_item(writer, "seen in", "span", rule->seen);
	if (r >= 0)
		r = xmlTextWriterEndElement(writer);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

int html_finding(xmlTextWriter *writer, const struct report_head *head, const struct fold_group *group)
{
	const struct finding *facts = &group->best.finding;
	int r = xml_start(writer, "article");

	if (r >= 0)
		r = xml_attribute(writer, "class", severity_name(facts->severity));
	if (r >= 0)
		r = put_head(writer, head, group);
	if (r >= 0)
		r = put_story(writer, &group->best);
	if (r >= 0)
		r = put_rule(writer, facts->rule);
	if (r >= 0)
		r = xml_start(writer, "dl");
	if (r >= 0)
		r = put_item(writer, "mend", "span", facts->rule->mend);
	if (r >= 0)
		r = put_again(writer, head, group);
	if (r >= 0)
		r = put_elsewhere(writer, head, group);
	if (r >= 0)
		r = xmlTextWriterEndElement(writer);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}
