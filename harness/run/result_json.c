/* SPDX-License-Identifier: MIT */
/* A result as the case object of the report. */
#include "run/result.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/names.h"
#include "run/result_rows.h"

/* The figures, in the report's order. */
const struct measure_row measure_rows[] = {
#define ROW(type, member)                                                                                    \
	{                                                                                                    \
#member, type, offsetof(struct result_measures, member)                                      \
	}
    ROW(MEASURE_DOUBLE, canary_p50_ms),	     ROW(MEASURE_DOUBLE, canary_p99_ms),
    ROW(MEASURE_DOUBLE, base_p99_ms),	     ROW(MEASURE_SIGNED, fds_before),
    ROW(MEASURE_SIGNED, fds_after),	     ROW(MEASURE_DOUBLE, cpu_seconds),
    ROW(MEASURE_UNSIGNED, epoll_waits),	     ROW(MEASURE_UNSIGNED, calls),
    ROW(MEASURE_UNSIGNED, faults_delivered),
#undef ROW
};
const size_t measure_row_count = sizeof(measure_rows) / sizeof(measure_rows[0]);

/*
 * Everything textual may carry bytes of the target or of a peer. JSON is UTF-8: what is not becomes '?', so
 * that a parser never chokes on a report.
 */
static size_t utf8_length(const unsigned char *text)
{
	size_t length;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf)
		length = 2;
	else if ((text[0] & 0xf0) == 0xe0)
		length = 3;
	else if (text[0] >= 0xf0 && text[0] <= 0xf4)
		length = 4;
	else
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

static cJSON *text_item(const char *text)
{
	char *copy = strdup(text);
	cJSON *item;

	if (!copy)
		return NULL;
	for (size_t i = 0; copy[i] != '\0';) {
		size_t length = utf8_length((unsigned char *)copy + i);

		if (length == 0)
			copy[i] = '?';
		i += length > 0 ? length : 1;
	}
	item = cJSON_CreateString(copy);
	free(copy);
	return item;
}

/* Hangs item under the object and frees it when that fails; the one place where running out of memory is
 * noticed. */
static bool add(cJSON *object, const char *name, cJSON *item)
{
	if (item && cJSON_AddItemToObject(object, name, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool add_number(cJSON *object, const char *name, double number)
{
	return add(object, name, cJSON_CreateNumber(number));
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
	return add(object, name, text[0] ? text_item(text) : cJSON_CreateNull());
}

/* none: the number that means "not about one", null in the report. */
static bool add_id(cJSON *object, const char *name, int32_t id, int32_t none)
{
	return add(object, name, id == none ? cJSON_CreateNull() : cJSON_CreateNumber(id));
}

static bool add_evidence(cJSON *object, const struct evidence_list *list)
{
	cJSON *array = cJSON_AddArrayToObject(object, "evidence");

	for (size_t i = 0; array && i < list->count; i++) {
		const struct evidence *line = &list->lines[i];
		const char side[2] = {line->side, '\0'};
		cJSON *item = cJSON_CreateObject();

		if (!item || !cJSON_AddItemToArray(array, item))
			return false;
		if (!add_number(item, "at", clock_seconds(line->at)) ||
		    !add(item, "call", text_item(line->call)) || !add(item, "text", text_item(line->text)) ||
		    !add_text(item, "side", side))
			return false;
	}
	return array != NULL;
}

static bool add_finding(cJSON *array, const struct result_finding *entry)
{
	const struct finding *finding = &entry->finding;
	cJSON *item = cJSON_CreateObject();

	if (!item || !cJSON_AddItemToArray(array, item))
		return false;
	return add_text(item, "rule", finding->rule->id) &&
	       add_text(item, "severity", severity_name(finding->severity)) &&
	       add(item, "message", text_item(finding->message)) && add_id(item, "pid", finding->pid, 0) &&
	       add_id(item, "tid", finding->tid, 0) && add_id(item, "fd", finding->fd, -1) &&
	       add_text(item, "peer", entry->peer) && add_number(item, "at", clock_seconds(finding->at)) &&
	       add_number(item, "from", clock_seconds(finding->from)) &&
	       add_number(item, "to", clock_seconds(finding->to)) &&
	       add_number(item, "count", (double)finding->count) && add_evidence(item, &entry->evidence);
}

static bool add_ignored(cJSON *array, const struct result_ignored *ignored)
{
	cJSON *item = cJSON_CreateObject();

	if (!item || !cJSON_AddItemToArray(array, item))
		return false;
	return add_text(item, "rule", ignored->rule->id) && add_number(item, "count", ignored->count) &&
	       add(item, "message", text_item(ignored->message));
}

static bool add_mask(cJSON *array, const struct result_mask *mask)
{
	char text[MASK_TEXT];
	cJSON *item = cJSON_CreateObject();

	if (!item || !cJSON_AddItemToArray(array, item))
		return false;
	return add_number(item, "at", clock_seconds(mask->at)) && add_id(item, "fd", mask->fd, -1) &&
	       add_text(item, "peer", mask->peer) &&
	       add_text(item, "events", mask_name(mask->events, text, sizeof(text)));
}

static bool add_reaction(cJSON *array, const struct result_reaction *reaction)
{
	cJSON *item = cJSON_CreateObject();

	if (!item || !cJSON_AddItemToArray(array, item))
		return false;
	return add_text(item, "peer", reaction->peer) && add_text(item, "fault", reaction->fault) &&
	       add_number(item, "at", clock_seconds(reaction->at)) &&
	       add_text(item, "told", reaction->told) &&
	       (reaction->closed_after < 0
		    ? add(item, "closed_after", cJSON_CreateNull())
		    : add_number(item, "closed_after", clock_seconds((uint64_t)reaction->closed_after))) &&
	       add_number(item, "calls", reaction->calls) && add_text(item, "saw", reaction->saw);
}

static bool add_measures(cJSON *object, const struct result_measures *measures)
{
	cJSON *item = cJSON_AddObjectToObject(object, "measures");

	for (size_t i = 0; item && i < measure_row_count; i++) {
		const struct measure_row *row = &measure_rows[i];
		const void *member = (const char *)measures + row->offset;
		double number = 0;

		switch (row->type) {
		case MEASURE_DOUBLE:
			number = *(const double *)member;
			break;
		case MEASURE_SIGNED:
			number = (double)*(const int64_t *)member;
			break;
		case MEASURE_UNSIGNED:
			number = (double)*(const uint64_t *)member;
			break;
		}
		if (!add_number(item, row->name, number))
			return false;
	}
	return item != NULL;
}

static bool add_lists(cJSON *object, const struct result *result)
{
	cJSON *findings = cJSON_AddArrayToObject(object, "findings");
	cJSON *ignored = cJSON_AddArrayToObject(object, "ignored");
	cJSON *reactions = cJSON_AddArrayToObject(object, "reactions");
	cJSON *masks = cJSON_AddArrayToObject(object, "masks");

	if (!findings || !ignored || !reactions || !masks)
		return false;
	for (size_t i = 0; i < result->finding_count; i++) {
		if (!add_finding(findings, &result->findings[i]))
			return false;
	}
	for (size_t i = 0; i < result->ignored_count; i++) {
		if (!add_ignored(ignored, &result->ignored[i]))
			return false;
	}
	for (size_t i = 0; i < result->reaction_count; i++) {
		if (!add_reaction(reactions, &result->reactions[i]))
			return false;
	}
	for (size_t i = 0; i < result->mask_count; i++) {
		if (!add_mask(masks, &result->masks[i]))
			return false;
	}
	return true;
}

struct cJSON *result_to_json(const struct result *result)
{
	cJSON *object = cJSON_CreateObject();

	if (object && add_text(object, "scenario", result->scenario) &&
	    add_text(object, "target", result->target) &&
	    add_text(object, "verdict", verdict_name(result->verdict)) &&
	    add_number(object, "seconds", result->seconds) && add_text(object, "reason", result->reason) &&
	    add_lists(object, result) && add_measures(object, &result->measures) &&
	    add_number(object, "round", result->round) && add_text(object, "journal", result->journal) &&
	    add_text(object, "output", result->output) &&
	    (!result->unready || add(object, "unready", cJSON_CreateTrue())))
		return object;
	cJSON_Delete(object);
	return NULL;
}
