/* SPDX-License-Identifier: MIT */
#include "report/story.h"

#include <string.h>
#include "base/clock.h"

const char *story_side(char side)
{
	static const struct {
		char side;
		const char *name;
	} sides[] = {{'p', "peer"}, {'k', "kernel"}, {'t', "target"}, {'f', "fault"}, {'m', "mark"}};

	for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++)
		if (sides[i].side == side)
			return sides[i].name;
	return "";
}

bool story_folded(const struct evidence *line)
{
	static const char dots[] = "\xe2\x80\xa6";

	return strncmp(line->text, dots, sizeof dots - 1) == 0;
}

int story_evidence(const struct evidence *line, struct buf *out)
{
	if (story_folded(line))
		return buf_printf(out, "%8s %-7s %s", "", "", line->text);
	return buf_printf(out, "%8.4f %-7s %s", clock_seconds(line->at), story_side(line->side), line->text);
}

int story_finding(const struct result_finding *finding, int indent, struct buf *out)
{
	const struct finding *facts = &finding->finding;
	int r = buf_printf(out, "%*s%s (%s): %s\n", indent, "", facts->rule->id,
			   severity_name(facts->severity), facts->message);

	for (size_t i = 0; r == 0 && i < finding->evidence.count; i++) {
		r = buf_printf(out, "%*s", indent + 2, "");
		if (r == 0)
			r = story_evidence(&finding->evidence.lines[i], out);
		if (r == 0)
			r = buf_puts(out, "\n");
	}
	return r;
}

const char *story_reason(const struct result *result)
{
	if (result->reason[0])
		return result->reason;
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].finding.severity == SEVERITY_ERROR)
			return result->findings[i].finding.message;
	return "";
}

size_t story_sentence(const char *paragraph)
{
	const char *end = paragraph;

	while ((end = strchr(end, '.')))
		if (!*++end || *end == ' ')
			return (size_t)(end - paragraph);
	return strlen(paragraph);
}
