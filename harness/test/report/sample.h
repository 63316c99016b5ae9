/* SPDX-License-Identifier: MIT */
/* Results as a run might bring them. */
#ifndef WRINGER_TEST_REPORT_SAMPLE_H
#define WRINGER_TEST_REPORT_SAMPLE_H

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "report/report.h"

static struct evidence sample_lines[] = {
    {.at = 100200000, .side = 'p', .call = "connect", .text = "c3 connects from port 40112"},
    {.at = 100300000, .side = 't', .call = "accept4", .text = "accept4(5) = 9"},
    {.at = 101100000, .side = 'k', .call = "epoll_wait", .text = "fd 9: IN|RDHUP|ERR|HUP"},
    {.at = 101200000, .side = 'k', .text = "\xe2\x80\xa6   4110 more of the same until 1.120"},
};

static inline struct result_finding sample_finding(const char *rule, const char *message, uint64_t count)
{
	struct result_finding finding = {.peer = "c3"};

	finding.finding = (struct finding){.rule = rule_find(rule),
					   .pid = 7,
					   .tid = 7,
					   .fd = 9,
					   .peer = 3,
					   .at = 120 * NS_PER_MS,
					   .count = count};
	finding.finding.severity = finding.finding.rule->severity;
	(void)snprintf(finding.finding.message, sizeof finding.finding.message, "%s", message);
	finding.evidence =
	    (struct evidence_list){sample_lines, sizeof sample_lines / sizeof sample_lines[0], 0};
	return finding;
}

static inline struct result sample_result(const char *scenario, enum verdict verdict, const char *reason)
{
	struct result result = {.verdict = verdict,
				.seconds = 0.214,
				.round = 1,
				.measures = {.fds_before = 12, .fds_after = 12}};

	(void)snprintf(result.scenario, sizeof result.scenario, "%s", scenario);
	(void)snprintf(result.target, sizeof result.target, "command");
	(void)snprintf(result.reason, sizeof result.reason, "%s", reason);
	return result;
}

static inline struct report_head sample_head(void)
{
	static char *command[] = {(char *)"./server", (char *)"--port", (char *)"0", NULL};

	return (struct report_head){.version = "0.1.0",
				    .kernel = "6.18.0",
				    .target = "command",
				    .protocol = "http",
				    .watch = "ptrace",
				    .command = command,
				    .seed = UINT64_MAX,
				    .started = 1767225600,
				    .planned = 4,
				    .targets = 1,
				    .rounds = 1};
}

#endif
