/* SPDX-License-Identifier: MIT */
/* A result goes to JSON text and comes back the same; what is not a result is refused with a word about
 * where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "run/result.h"

static struct result full_result(void)
{
	struct result result;
	struct result_finding *finding = calloc(1, sizeof(*finding));
	struct result_mask *masks = calloc(2, sizeof(*masks));
	size_t at = 0;

	result_init(&result, "rst-mid-request", "epoll-level");
	result.verdict = VERDICT_FAIL;
	result.seconds = 0.214;
	result.round = 3;
	result_text(result.reason, sizeof(result.reason), "no answer");
	result_text(result.output, sizeof(result.output), "line 1\nline \"2\"");
	finding->finding.rule = rule_next(&at);
	finding->finding.severity = SEVERITY_ERROR;
	result_text(finding->finding.message, sizeof(finding->finding.message), "fd 9 (peer c3): 4112 times");
	finding->finding.pid = 71;
	finding->finding.tid = 72;
	finding->finding.fd = 9;
	finding->finding.at = 120 * NS_PER_MS + 1;
	finding->finding.from = 7;
	finding->finding.to = 3600 * NS_PER_S;
	finding->finding.count = 4112;
	result_text(finding->peer, sizeof(finding->peer), "c3");
	finding->evidence.lines = calloc(2, sizeof(struct evidence));
	finding->evidence.count = finding->evidence.capacity = 2;
	finding->evidence.lines[0] =
	    (struct evidence){.at = 5, .side = 'k', .call = "epoll_wait", .text = "= 1"};
	finding->evidence.lines[1] = (struct evidence){.at = 6, .side = 'p', .call = "", .text = "resets"};
	result.findings = finding;
	result.finding_count = 1;
	result.reactions = calloc(2, sizeof(*result.reactions));
	result.reaction_count = 2;
	result.reactions[0] = (struct result_reaction){"c1", "rst", 7, 110, 2, "IN|HUP, IN", ""};
	result.reactions[1] = (struct result_reaction){"c2", "oob", 9, -1, 0, "", "answer, FIN"};
	result.ignored = calloc(1, sizeof(*result.ignored));
	result.ignored_count = 1;
	result.ignored[0] = (struct result_ignored){.rule = rule_next(&at), .count = 3, .message = "pooled"};
	masks[0] =
	    (struct result_mask){.at = 100, .fd = 9, .peer = "c3", .events = EPOLLIN | EPOLLRDHUP | EPOLLHUP};
	masks[1] = (struct result_mask){.at = 200, .fd = -1, .peer = "", .events = 0x800000 | EPOLLOUT};
	result.masks = masks;
	result.mask_count = 2;
	result.measures = (struct result_measures){.canary_p50_ms = 0.25,
						   .canary_p99_ms = 0.5,
						   .base_p99_ms = 0.125,
						   .fds_before = 12,
						   .fds_after = -1,
						   .cpu_seconds = 0.75,
						   .epoll_waits = 44,
						   .calls = 1u << 30,
						   .faults_delivered = 2};
	return result;
}

static struct result round_trip(const struct result *result)
{
	struct error error = {0};
	struct result back;
	cJSON *json = result_to_json(result), *again;
	char *text = cJSON_PrintUnformatted(json);

	assert_non_null(text);
	again = cJSON_Parse(text);
	assert_non_null(again);
	if (result_from_json(again, &back, &error) < 0)
		fail_msg("%s", error.text);
	free(text);
	cJSON_Delete(json);
	cJSON_Delete(again);
	return back;
}

static void test_round_trip(void **state)
{
	struct result result = full_result(), back = round_trip(&result);
	const struct finding *a = &result.findings[0].finding, *b = &back.findings[0].finding;

	(void)state;
	assert_string_equal(back.scenario, result.scenario);
	assert_string_equal(back.target, result.target);
	assert_string_equal(back.reason, result.reason);
	assert_string_equal(back.output, result.output);
	assert_string_equal(back.journal, "");
	assert_int_equal(back.verdict, VERDICT_FAIL);
	assert_int_equal(back.round, 3);
	assert_true(back.seconds > 0.2139 && back.seconds < 0.2141);
	assert_int_equal(back.finding_count, 1);
	assert_ptr_equal(b->rule, a->rule);
	assert_int_equal(b->severity, a->severity);
	assert_string_equal(b->message, a->message);
	assert_true(b->pid == 71 && b->tid == 72 && b->fd == 9 && b->count == 4112);
	assert_true(b->at == a->at && b->from == a->from && b->to == a->to);
	assert_string_equal(back.findings[0].peer, "c3");
	assert_int_equal(back.findings[0].evidence.count, 2);
	assert_memory_equal(back.findings[0].evidence.lines, result.findings[0].evidence.lines,
			    2 * sizeof(struct evidence));
	assert_int_equal(back.ignored_count, 1);
	assert_memory_equal(back.ignored, result.ignored, sizeof(struct result_ignored));
	assert_int_equal(back.reaction_count, 2);
	assert_memory_equal(back.reactions, result.reactions, 2 * sizeof(struct result_reaction));
	assert_int_equal(back.mask_count, 2);
	assert_memory_equal(back.masks, result.masks, 2 * sizeof(struct result_mask));
	assert_memory_equal(&back.measures, &result.measures, sizeof(back.measures));
	result_free(&result);
	result_free(&back);
}

static void test_empty(void **state)
{
	struct result result, back;

	(void)state;
	result_init(&result, "fin-idle", NULL);
	result.verdict = VERDICT_PASS;
	back = round_trip(&result);
	assert_int_equal(back.verdict, VERDICT_PASS);
	assert_string_equal(back.target, "");
	assert_null(back.findings);
	assert_null(back.masks);
	assert_int_equal(back.measures.fds_before, -1);
	result_free(&back);
	result_free(&back); /* once more is fine */
	result_free(NULL);
}

/* Members as the contract spells them. */
static void test_names(void **state)
{
	static const char *const members[] = {"scenario", "target",   "verdict", "seconds",
					      "reason",	  "findings", "masks",	 "measures"};
	struct result result = full_result();
	cJSON *json = result_to_json(&result);
	const cJSON *mask = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "masks"), 0);
	const cJSON *finding = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "findings"), 0);

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		assert_true(cJSON_HasObjectItem(json, members[i]));
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "verdict")), "fail");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(mask, "events")),
			    "EPOLLIN|EPOLLRDHUP|EPOLLHUP");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(finding, "severity")), "error");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "journal")));
	cJSON_Delete(json);
	result_free(&result);
}

/* What a target prints need not be text; the report is UTF-8 all the same. */
static void test_foreign_bytes(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"caf\xc3\xa9", "caf\xc3\xa9"},
	    {"caf\xe9", "caf?"},
	    {"\xff\xfe", "??"},
	    {"cut \xe2\x82", "cut ??"},
	    {"\xed\xa0\x80", "???"},
	    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	    {"\xc0\xaf", "??"},
	    {"\xf4\x90\x80\x80", "????"},
	    {"\xe2\x82\xac\x80", "\xe2\x82\xac?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result result, back;

		result_init(&result, "x", "y");
		result_text(result.reason, sizeof(result.reason), rows[i].in);
		back = round_trip(&result);
		assert_string_equal(back.reason, rows[i].out);
		result_free(&back);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *json, *word;
	} rows[] = {
	    {"[]", "object"},
	    {"{}", "verdict"},
	    {"{\"verdict\":\"good\"}", "good"},
	    {"{\"verdict\":1}", "verdict"},
	    {"{\"verdict\":\"pass\",\"seconds\":\"long\"}", "seconds"},
	    {"{\"verdict\":\"pass\",\"seconds\":-1}", "seconds"},
	    {"{\"verdict\":\"pass\",\"scenario\":{}}", "scenario"},
	    {"{\"verdict\":\"pass\",\"findings\":[{}]}", "rule"},
	    {"{\"verdict\":\"pass\",\"findings\":[{\"rule\":\"no-such\",\"severity\":\"error\"}]}",
	     "no-such"},
	    {"{\"verdict\":\"pass\",\"masks\":[{\"events\":\"EPOLLNONE\"}]}", "EPOLLNONE"},
	    {"{\"verdict\":\"pass\",\"ignored\":[{\"rule\":\"no-such\"}]}", "ignored 1: no rule is named"},
	    {"{\"verdict\":\"pass\",\"masks\":[{\"events\":\"EPOLLIN\",\"fd\":1e10}]}", "fd"},
	    {"{\"verdict\":\"pass\",\"measures\":{\"calls\":\"many\"}}", "calls"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		struct result result;
		cJSON *json = cJSON_Parse(rows[i].json);

		assert_int_equal(result_from_json(json, &result, &error), -EBADMSG);
		if (!strstr(error.text, rows[i].word))
			fail_msg("%s: '%s'", rows[i].json, error.text);
		cJSON_Delete(json);
	}
	assert_int_equal(result_from_json(NULL, NULL, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip), cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_names),      cmocka_unit_test(test_foreign_bytes),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
