/* SPDX-License-Identifier: MIT */
/* The report for machines: one object, the form that is promised to stay. */
#include "report/formats.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "report/text.h"

struct json_state {
	cJSON *cases;
};

/* Numbers that must not pass through a double: every digit of a seed counts. */
static cJSON *whole_number(uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, number);
	return cJSON_CreateRaw(text);
}

/* Adds item under name; false when either could not be had. Owns item. */
static bool put(cJSON *object, const char *name, cJSON *item)
{
	if (item && cJSON_AddItemToObject(object, name, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool put_text(cJSON *object, const char *name, const char *text)
{
	return put(object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static bool put_count(cJSON *object, const char *name, uint64_t number)
{
	return put(object, name, whole_number(number));
}

/* Milliseconds are as fine as a run's length can be told. */
static cJSON *seconds_number(double seconds)
{
	char text[40];

	(void)snprintf(text, sizeof text, "%.3f", seconds);
	return cJSON_CreateRaw(text);
}

static bool put_started(cJSON *root, int64_t started)
{
	char text[32];
	struct tm parts;
	time_t when = (time_t)started;

	if (!gmtime_r(&when, &parts) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
		return put_text(root, "started", NULL);
	return put_text(root, "started", text);
}

static bool put_target(cJSON *root, const struct report_head *head)
{
	cJSON *target = cJSON_AddObjectToObject(root, "target");
	cJSON *command;

	if (!target || !put_text(target, "name", head->target))
		return false;
	command = cJSON_AddArrayToObject(target, "command");
	for (char *const *word = head->command; command && word && *word; word++) {
		cJSON *item = cJSON_CreateString(*word);
		if (!item)
			return false;
		cJSON_AddItemToArray(command, item);
	}
	return command && put_text(target, "protocol", head->protocol) &&
	       put_text(target, "watch", head->watch);
}

static bool put_summary(cJSON *root, const struct report_sums *sums)
{
	cJSON *summary = cJSON_AddObjectToObject(root, "summary");
	cJSON *findings;

	if (!summary || !put_count(summary, "passed", sums->passed) ||
	    !put_count(summary, "failed", sums->failed) || !put_count(summary, "broken", sums->broken) ||
	    !put_count(summary, "skipped", sums->skipped) || !put_count(summary, "not_run", sums->not_run))
		return false;
	findings = cJSON_AddObjectToObject(summary, "findings");
	return findings && put_count(findings, "error", sums->findings[SEVERITY_ERROR]) &&
	       put_count(findings, "warning", sums->findings[SEVERITY_WARNING]) &&
	       put_count(findings, "info", sums->findings[SEVERITY_INFO]);
}

static bool put_suppressions(cJSON *root, const struct report_head *head, const struct report_sums *sums)
{
	cJSON *array = cJSON_AddArrayToObject(root, "suppressions");

	for (size_t i = 0; array && head->ignores && i < head->ignores->count; i++) {
		const struct ignore *ignore = &head->ignores->items[i];
		cJSON *item = cJSON_CreateObject();
		if (!item || !cJSON_AddItemToArray(array, item))
			return false;
		if (!put_text(item, "rule", ignore->rule) ||
		    !put_text(item, "scenario", ignore->scenario[0] ? ignore->scenario : NULL) ||
		    !put_text(item, "reason", ignore->reason[0] ? ignore->reason : NULL) ||
		    !put_count(item, "cases", sums->ignored[i]))
			return false;
	}
	return array;
}

/* Which part of a divided run this is: `wringer merge` puts the parts together. */
static bool put_shard(cJSON *root, const struct report_head *head)
{
	char plan[17];
	cJSON *shard;

	if (!head->shards)
		return put(root, "shard", cJSON_CreateNull());
	shard = cJSON_AddObjectToObject(root, "shard");
	(void)snprintf(plan, sizeof plan, "%016" PRIx64, head->plan);
	return shard && put_count(shard, "index", head->shard) && put_count(shard, "of", head->shards) &&
	       put_text(shard, "plan", plan);
}

static bool fill(cJSON *root, const struct json_state *state, const struct report_head *head,
		 const struct report_sums *sums)
{
	return put_text(root, "format", "wringer-report") && put_count(root, "version", 1) &&
	       put_text(root, "wringer", head->version) && put_text(root, "kernel", head->kernel) &&
	       put_count(root, "seed", head->seed) && put_count(root, "rounds", head->rounds) &&
	       put_shard(root, head) && put_started(root, head->started) &&
	       put(root, "seconds", seconds_number(sums->seconds)) && put_target(root, head) &&
	       cJSON_AddItemReferenceToObject(root, "cases", state->cases) &&
	       put_suppressions(root, head, sums) && put_summary(root, sums);
}

static int json_begin(void *opaque, const struct report_head *head, struct error *error)
{
	struct json_state *state = opaque;

	(void)head;
	state->cases = cJSON_CreateArray();
	return state->cases ? 0 : error_set(error, -ENOMEM, "out of memory");
}

/* What did not pass says how to see it once more: for people to copy, and for `wringer replay`. */
static bool put_again(cJSON *item, const struct report_head *head, const struct result *result)
{
	bool wanted = result->verdict == VERDICT_FAIL || result->verdict == VERDICT_BROKEN;
	struct buf line = {0};
	int r = wanted && head->again
		    ? head->again(head->again_arg, result->scenario, result->target, result->round, &line)
		    : 0;
	bool put = r == 0 && (line.size == 0 || put_text(item, "again", line.data));

	buf_free(&line);
	return put;
}

static int json_add(void *opaque, const struct report_head *head, const struct result *result,
		    struct error *error)
{
	struct json_state *state = opaque;
	cJSON *item = result_to_json(result);

	if (item && put_again(item, head, result) && cJSON_AddItemToArray(state->cases, item))
		return 0;
	cJSON_Delete(item);
	return error_set(error, -ENOMEM, "out of memory");
}

static int json_render(void *opaque, const struct report_head *head, const struct report_sums *sums,
		       struct buf *out, struct error *error)
{
	cJSON *root = cJSON_CreateObject();
	char *text = root && fill(root, opaque, head, sums) ? cJSON_Print(root) : NULL;
	int r = text ? text_clean(TEXT_UTF8, text, strlen(text), out) : -ENOMEM;

	if (r == 0)
		r = buf_puts(out, "\n");
	cJSON_free(text);
	cJSON_Delete(root);
	return r < 0 ? error_set(error, r, "out of memory") : 0;
}

static void json_release(void *opaque)
{
	struct json_state *state = opaque;

	cJSON_Delete(state->cases);
}

const struct report_ops report_json = {
    .name = "json",
    .doc = "one JSON object with every case, finding and piece of evidence",
    .state_size = sizeof(struct json_state),
    .begin = json_begin,
    .add = json_add,
    .render = json_render,
    .release = json_release,
};
