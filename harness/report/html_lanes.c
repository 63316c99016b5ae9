/* SPDX-License-Identifier: MIT */
/* A finding's evidence as a picture: a lane for each side, a dot for each line, from left to right in time,
 * shaded where the rule was broken. */
#include "report/html.h"

#include <stdbool.h>
#include <string.h>
#include "base/clock.h"
#include "report/story.h"

#define WIDTH  1000
#define LEFT   70 /* where the lanes begin, behind their names */
#define RIGHT  (WIDTH - 20)
#define HEIGHT 22 /* of a lane */
#define DOT    "4"

static const char lanes[] = {'p', 'f', 'k', 't'};
#define LANES (sizeof lanes)

struct span {
	uint64_t from, to;
};

static bool in_lane(const struct evidence *line, size_t lane)
{
	return line->side == lanes[lane] && !story_folded(line);
}

static bool lane_used(const struct evidence_list *list, size_t lane)
{
	for (size_t i = 0; i < list->count; i++)
		if (in_lane(&list->lines[i], lane))
			return true;
	return false;
}

static bool has_length(const struct finding *facts)
{
	return facts->to > facts->from;
}

static struct span span_of(const struct result_finding *finding)
{
	const struct evidence_list *list = &finding->evidence;
	struct span span = {UINT64_MAX, 0};

	if (has_length(&finding->finding))
		span = (struct span){finding->finding.from, finding->finding.to};
	for (size_t i = 0; i < list->count; i++) {
		for (size_t lane = 0; lane < LANES; lane++) {
			if (!in_lane(&list->lines[i], lane))
				continue;
			span.from = list->lines[i].at < span.from ? list->lines[i].at : span.from;
			span.to = list->lines[i].at > span.to ? list->lines[i].at : span.to;
		}
	}
	return span;
}

static int number(xmlTextWriter *writer, const char *name, double value)
{
	return xmlTextWriterWriteFormatAttribute(writer, BAD_CAST name, "%.1f", value);
}

static int put_name(xmlTextWriter *writer, const char *name, double y)
{
	int r = xml_start(writer, "text");

	if (r >= 0)
		r = number(writer, "x", 0);
	if (r >= 0)
		r = number(writer, "y", y + 4);
	if (r >= 0)
		r = xmlTextWriterWriteString(writer, BAD_CAST name);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_line(xmlTextWriter *writer, double y)
{
	int r = xml_start(writer, "line");

	if (r >= 0)
		r = number(writer, "x1", LEFT);
	if (r >= 0)
		r = number(writer, "x2", RIGHT);
	if (r >= 0)
		r = number(writer, "y1", y);
	if (r >= 0)
		r = number(writer, "y2", y);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static double place(uint64_t at, struct span span)
{
	return LEFT + (double)(at - span.from) / (double)(span.to - span.from) * (RIGHT - LEFT);
}

static int put_shade(xmlTextWriter *writer, const struct finding *facts, struct span span, size_t used)
{
	double from = place(facts->from, span);
	int r = xml_start(writer, "rect");

	if (r >= 0)
		r = number(writer, "x", from);
	if (r >= 0)
		r = number(writer, "width", place(facts->to, span) - from);
	if (r >= 0)
		r = number(writer, "height", (double)(used * HEIGHT));
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

/* Its text shows when the pointer rests on it. */
static int put_dot(xmlTextWriter *writer, const struct evidence *line, struct span span, double y)
{
	int r = xml_start(writer, "circle");

	if (r >= 0)
		r = xml_attribute(writer, "class", story_side(line->side));
	if (r >= 0)
		r = number(writer, "cx", place(line->at, span));
	if (r >= 0)
		r = number(writer, "cy", y);
	if (r >= 0)
		r = xml_attribute(writer, "r", DOT);
	if (r >= 0)
		r = xml_start(writer, "title");
	if (r >= 0)
		r = xmlTextWriterWriteFormatString(writer, "%.4f ", clock_seconds(line->at));
	if (r >= 0)
		r = xml_text(writer, line->text, strlen(line->text));
	if (r >= 0)
		r = xmlTextWriterEndElement(writer);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}

static int put_lane(xmlTextWriter *writer, const struct evidence_list *list, size_t lane, struct span span,
		    double y)
{
	int r = put_name(writer, story_side(lanes[lane]), y);

	if (r >= 0)
		r = put_line(writer, y);
	for (size_t i = 0; r >= 0 && i < list->count; i++)
		if (in_lane(&list->lines[i], lane))
			r = put_dot(writer, &list->lines[i], span, y);
	return r;
}

static int open_picture(xmlTextWriter *writer, size_t used)
{
	int r = xml_start(writer, "svg");

	if (r >= 0)
		r = xmlTextWriterWriteFormatAttribute(writer, BAD_CAST "viewBox", "0 0 %d %zu", WIDTH,
						      used * HEIGHT);
	if (r >= 0)
		r = xml_attribute(writer, "role", "img");
	if (r >= 0)
		r = xml_attribute(writer, "aria-label", "the evidence in time, a lane for each side");
	return r;
}

int html_lanes(xmlTextWriter *writer, const struct result_finding *finding)
{
	const struct evidence_list *list = &finding->evidence;
	struct span span = span_of(finding);
	size_t used = 0, at = 0;

	for (size_t lane = 0; lane < LANES; lane++)
		used += lane_used(list, lane);
	/* One side alone, or one moment, is no picture. */
	if (used < 2 || span.to <= span.from)
		return 0;
	int r = open_picture(writer, used);
	if (r >= 0 && has_length(&finding->finding))
		r = put_shade(writer, &finding->finding, span, used);
	for (size_t lane = 0; r >= 0 && lane < LANES; lane++)
		if (lane_used(list, lane))
			r = put_lane(writer, list, lane, span, (double)(at++ * HEIGHT) + HEIGHT / 2.0);
	return r < 0 ? r : xmlTextWriterEndElement(writer);
}
