/* SPDX-License-Identifier: MIT */
/* The JSON of a result, as a case's process or an old report hands it over. What is read is written again,
 * and that again, and both texts are the same. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/common/guard.h"
#include "fuzz/common/target.h"
#include "run/result.h"

/* NULL: refused, for a reason that was said. */
static char *read_and_write(const cJSON *json)
{
	struct result result;
	struct error error = {0};

	if (result_from_json(json, &result, &error) < 0) {
		fuzz_claim(error.code < 0 && error.text[0]);
		return NULL;
	}
	cJSON *written = result_to_json(&result);
	char *text = cJSON_PrintUnformatted(written);
	fuzz_claim(written && text);
	cJSON_Delete(written);
	result_free(&result);
	return text;
}

static void try_case(const cJSON *json)
{
	char *once = read_and_write(json);

	if (!once)
		return;
	cJSON *again = cJSON_Parse(once);
	fuzz_claim(again);
	char *twice = read_and_write(again);
	fuzz_claim(twice && strcmp(once, twice) == 0);
	cJSON_Delete(again);
	free(twice);
	free(once);
}

static void run(const uint8_t *data, size_t size)
{
	struct guard guard;

	guard_open(&guard, size);
	cJSON *json = cJSON_ParseWithLength(guard_put(&guard, data, size), size);
	const cJSON *cases = cJSON_GetObjectItemCaseSensitive(json, "cases"), *item;
	if (json)
		try_case(json);
	cJSON_ArrayForEach(item, cases) try_case(item);
	cJSON_Delete(json);
	guard_close(&guard);
}

const struct fuzz_target fuzz_report = {
    .name = "report",
    .doc = "the result of a case, and of a report, as JSON",
    .limit = 8192,
    .run = run,
};
