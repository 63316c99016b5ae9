/* SPDX-License-Identifier: MIT */
/* The case object of a report, back into a result. */
#include "run/result.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/names.h"
#include "run/result_rows.h"

/* A member that is missing or null is "none"; one of the wrong type is refused. */
static int get_text(const cJSON *object, const char *name, char *out, size_t size, struct error *error)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (item && !cJSON_IsNull(item) && !cJSON_IsString(item))
		return error_set(error, -EBADMSG, "%s is not a string", name);
	result_text(out, size, cJSON_GetStringValue(item));
	return 0;
}

static int get_number(const cJSON *object, const char *name, double none, double *ret_number,
		      struct error *error)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (item && !cJSON_IsNull(item) && !cJSON_IsNumber(item))
		return error_set(error, -EBADMSG, "%s is not a number", name);
	*ret_number = cJSON_IsNumber(item) ? item->valuedouble : none;
	return isfinite(*ret_number) ? 0 : error_set(error, -EBADMSG, "%s is not finite", name);
}

static int get_whole(const cJSON *object, const char *name, double none, double low, double high,
		     double *ret_number, struct error *error)
{
	int rc = get_number(object, name, none, ret_number, error);

	if (rc == 0 && (*ret_number < low || *ret_number > high))
		return error_set(error, -EBADMSG, "%s is out of range", name);
	return rc;
}

static int get_int(const cJSON *object, const char *name, int32_t none, int32_t *ret_number,
		   struct error *error)
{
	double number = 0;
	int rc = get_whole(object, name, none, INT32_MIN, INT32_MAX, &number, error);

	if (rc == 0)
		*ret_number = (int32_t)number;
	return rc;
}

static int get_count(const cJSON *object, const char *name, uint64_t *ret_count, struct error *error)
{
	double number = 0;
	int rc = get_whole(object, name, 0, 0, 9e18, &number, error);

	if (rc == 0)
		*ret_count = (uint64_t)number;
	return rc;
}

static int get_time(const cJSON *object, const char *name, uint64_t *ret_ns, struct error *error)
{
	double seconds = 0;
	int rc = get_whole(object, name, 0, 0, 1e9, &seconds, error);

	if (rc == 0)
		*ret_ns = (uint64_t)llround(seconds * (double)NS_PER_S);
	return rc;
}

static int get_evidence(const cJSON *object, struct evidence_list *list, struct error *error)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, "evidence"), *item;
	int count = cJSON_GetArraySize(array), rc = 0;

	if (count == 0)
		return 0;
	list->lines = calloc((size_t)count, sizeof(*list->lines));
	if (!list->lines)
		return error_set(error, -ENOMEM, "out of memory");
	list->capacity = (size_t)count;
	cJSON_ArrayForEach(item, array)
	{
		struct evidence *line = &list->lines[list->count];
		char side[2] = "";

		rc = get_time(item, "at", &line->at, error);
		rc = rc ? rc : get_text(item, "call", line->call, sizeof(line->call), error);
		rc = rc ? rc : get_text(item, "text", line->text, sizeof(line->text), error);
		rc = rc ? rc : get_text(item, "side", side, sizeof(side), error);
		if (rc < 0)
			return error_prefix(error, "evidence %zu", list->count);
		line->side = side[0] ? side[0] : 't';
		list->count++;
	}
	return 0;
}

static int get_rule(const cJSON *item, const struct rule **ret_rule, struct error *error)
{
	char id[64] = "";
	int rc = get_text(item, "rule", id, sizeof(id), error);

	if (rc < 0)
		return rc;
	*ret_rule = rule_find(id);
	return *ret_rule ? 0 : error_set(error, -EBADMSG, "no rule is named '%s'", id);
}

static int get_severity(const cJSON *item, struct finding *finding, struct error *error)
{
	char name[16] = "";
	int rc = get_text(item, "severity", name, sizeof(name), error);

	if (rc < 0)
		return rc;
	for (int severity = SEVERITY_INFO; severity <= SEVERITY_ERROR; severity++) {
		if (strcmp(name, severity_name((enum severity)severity)) == 0) {
			finding->severity = (enum severity)severity;
			return 0;
		}
	}
	return error_set(error, -EBADMSG, "no severity is named '%s'", name);
}

static int get_finding(const cJSON *item, void *out, struct error *error)
{
	struct result_finding *entry = out;
	struct finding *finding = &entry->finding;
	int rc = get_rule(item, &finding->rule, error);

	finding->peer = -1;
	rc = rc ? rc : get_severity(item, finding, error);
	rc = rc ? rc : get_text(item, "message", finding->message, sizeof(finding->message), error);
	rc = rc ? rc : get_int(item, "pid", 0, &finding->pid, error);
	rc = rc ? rc : get_int(item, "tid", 0, &finding->tid, error);
	rc = rc ? rc : get_int(item, "fd", -1, &finding->fd, error);
	rc = rc ? rc : get_text(item, "peer", entry->peer, sizeof(entry->peer), error);
	rc = rc ? rc : get_time(item, "at", &finding->at, error);
	rc = rc ? rc : get_time(item, "from", &finding->from, error);
	rc = rc ? rc : get_time(item, "to", &finding->to, error);
	rc = rc ? rc : get_count(item, "count", &finding->count, error);
	return rc ? rc : get_evidence(item, &entry->evidence, error);
}

static int get_ignored(const cJSON *item, void *out, struct error *error)
{
	struct result_ignored *ignored = out;
	int32_t count = 0;
	int rc = get_rule(item, &ignored->rule, error);

	rc = rc ? rc : get_text(item, "message", ignored->message, sizeof(ignored->message), error);
	rc = rc ? rc : get_int(item, "count", 0, &count, error);
	ignored->count = count < 0 ? 0 : (uint32_t)count;
	return rc;
}

static int get_reaction(const cJSON *item, void *out, struct error *error)
{
	struct result_reaction *reaction = out;
	uint64_t closed = 0, calls = 0;
	bool open = !cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(item, "closed_after"));
	int rc = get_text(item, "peer", reaction->peer, sizeof(reaction->peer), error);

	rc = rc ? rc : get_text(item, "fault", reaction->fault, sizeof(reaction->fault), error);
	rc = rc ? rc : get_time(item, "at", &reaction->at, error);
	rc = rc ? rc : get_text(item, "told", reaction->told, sizeof(reaction->told), error);
	rc = rc || open ? rc : get_time(item, "closed_after", &closed, error);
	rc = rc ? rc : get_count(item, "calls", &calls, error);
	reaction->closed_after = open ? -1 : (int64_t)closed;
	reaction->calls = (uint32_t)calls;
	return rc ? rc : get_text(item, "saw", reaction->saw, sizeof(reaction->saw), error);
}

static int get_mask(const cJSON *item, void *out, struct error *error)
{
	struct result_mask *mask = out;
	char text[MASK_TEXT] = "";
	int rc = get_time(item, "at", &mask->at, error);

	rc = rc ? rc : get_int(item, "fd", -1, &mask->fd, error);
	rc = rc ? rc : get_text(item, "peer", mask->peer, sizeof(mask->peer), error);
	rc = rc ? rc : get_text(item, "events", text, sizeof(text), error);
	if (rc == 0 && mask_parse(text, &mask->events) < 0)
		return error_set(error, -EBADMSG, "'%s' is no event mask", text);
	return rc;
}

/* The lists of a case: each is an array of objects. */
static const struct list {
	const char *name, *one;
	size_t items, count, size; /* offsets in struct result, bytes of an item */
	int (*get)(const cJSON *item, void *out, struct error *error);
} lists[] = {
#define LIST(name, one, items, count, get)                                                                   \
	{                                                                                                    \
		name, one, offsetof(struct result, items), offsetof(struct result, count),                   \
		    sizeof(*((struct result *)0)->items), get                                                \
	}
    LIST("findings", "finding", findings, finding_count, get_finding),
    LIST("ignored", "ignored", ignored, ignored_count, get_ignored),
    LIST("reactions", "reaction", reactions, reaction_count, get_reaction),
    LIST("masks", "mask", masks, mask_count, get_mask),
#undef LIST
};

static int get_list(const cJSON *object, const struct list *list, struct result *result, struct error *error)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, list->name), *item;
	size_t count = (size_t)cJSON_GetArraySize(array), *got = (size_t *)((char *)result + list->count);
	char *items;

	if (count == 0)
		return 0;
	items = calloc(count, list->size);
	if (!items)
		return error_set(error, -ENOMEM, "out of memory");
	memcpy((char *)result + list->items, &items, sizeof(items));
	cJSON_ArrayForEach(item, array)
	{
		/* counted first, so that what a bad one allocated is freed too */
		int rc = list->get(item, items + list->size * (*got)++, error);

		if (rc < 0)
			return error_prefix(error, "%s %zu", list->one, *got);
	}
	return 0;
}

static int get_measures(const cJSON *object, struct result_measures *measures, struct error *error)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "measures");

	for (size_t i = 0; i < measure_row_count; i++) {
		const struct measure_row *row = &measure_rows[i];
		void *member = (char *)measures + row->offset;
		double number = 0;
		int rc = get_whole(item, row->name, row->type == MEASURE_SIGNED ? -1 : 0, -1, 9e18, &number,
				   error);

		if (rc < 0)
			return error_prefix(error, "measures");
		switch (row->type) {
		case MEASURE_DOUBLE:
			*(double *)member = number;
			break;
		case MEASURE_SIGNED:
			*(int64_t *)member = (int64_t)number;
			break;
		case MEASURE_UNSIGNED:
			*(uint64_t *)member = number < 0 ? 0 : (uint64_t)number;
			break;
		}
	}
	return 0;
}

static int get_head(const cJSON *object, struct result *result, struct error *error)
{
	char verdict[16] = "";
	int32_t round = 0;
	int rc = get_text(object, "scenario", result->scenario, sizeof(result->scenario), error);

	rc = rc ? rc : get_text(object, "target", result->target, sizeof(result->target), error);
	rc = rc ? rc : get_text(object, "verdict", verdict, sizeof(verdict), error);
	rc = rc ? rc : get_text(object, "reason", result->reason, sizeof(result->reason), error);
	rc = rc ? rc : get_text(object, "journal", result->journal, sizeof(result->journal), error);
	rc = rc ? rc : get_text(object, "output", result->output, sizeof(result->output), error);
	rc = rc ? rc : get_whole(object, "seconds", 0, 0, 1e9, &result->seconds, error);
	rc = rc ? rc : get_int(object, "round", 0, &round, error);
	result->round = round < 0 ? 0 : (uint32_t)round;
	result->unready = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "unready"));
	if (rc < 0)
		return rc;
	return verdict_parse(verdict, &result->verdict) < 0
		   ? error_set(error, -EBADMSG, "'%s' is no verdict", verdict)
		   : 0;
}

int result_from_json(const struct cJSON *json, struct result *ret_result, struct error *error)
{
	struct result result;
	int rc;

	if (!cJSON_IsObject(json))
		return error_set(error, -EBADMSG, "a case is not an object");
	result_init(&result, "", "");
	rc = get_head(json, &result, error);
	for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(*lists); i++)
		rc = get_list(json, &lists[i], &result, error);
	rc = rc ? rc : get_measures(json, &result.measures, error);
	if (rc < 0) {
		result_free(&result);
		return rc;
	}
	*ret_result = result;
	return 0;
}
