/* SPDX-License-Identifier: MIT */
#include "run/result.h"

#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[] = {
    [VERDICT_PASS] = "pass",
    [VERDICT_FAIL] = "fail",
    [VERDICT_BROKEN] = "broken",
    [VERDICT_SKIP] = "skip",
};

const char *verdict_name(enum verdict verdict)
{
	return verdict_names[verdict];
}

int verdict_parse(const char *name, enum verdict *ret_verdict)
{
	for (size_t i = 0; i < sizeof(verdict_names) / sizeof(verdict_names[0]); i++) {
		if (strcmp(name, verdict_names[i]) == 0) {
			*ret_verdict = (enum verdict)i;
			return 0;
		}
	}
	return -1;
}

void result_init(struct result *result, const char *scenario, const char *target)
{
	memset(result, 0, sizeof(*result));
	result_text(result->scenario, sizeof(result->scenario), scenario);
	result_text(result->target, sizeof(result->target), target);
	result->verdict = VERDICT_BROKEN; /* nothing passes by default */
	result->measures.fds_before = -1;
	result->measures.fds_after = -1;
}

void result_text(char *out, size_t size, const char *text)
{
	size_t length = text ? strnlen(text, size - 1) : 0;

	if (length > 0)
		memcpy(out, text, length);
	out[length] = '\0';
}

bool result_convicts(const struct result *result)
{
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].finding.severity == SEVERITY_ERROR)
			return true;
	return false;
}

void result_free(struct result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->finding_count; i++)
		evidence_free(&result->findings[i].evidence);
	free(result->findings);
	free(result->ignored);
	free(result->reactions);
	free(result->masks);
	result->findings = NULL;
	result->ignored = NULL;
	result->reactions = NULL;
	result->masks = NULL;
	result->finding_count = result->ignored_count = result->reaction_count = result->mask_count = 0;
}
