/* SPDX-License-Identifier: MIT */
/* A scenario file: read and checked key by key, not played. It is called after its file: "300". */
#include <string.h>
#include "fuzz/common/feed.h"
#include "fuzz/common/target.h"
#include "script/scenario_file.h"

static void check(const struct scenario *scenario)
{
	fuzz_claim(strcmp(scenario->name, FUZZ_FILE_FD) == 0);
	fuzz_claim(scenario->doc && *scenario->doc && !strchr(scenario->doc, '\n'));
	for (size_t i = 0; i < scenario->knob_count; i++)
		fuzz_claim(strncmp(scenario->knobs[i].name, "net/", 4) == 0 && scenario->knobs[i].value);
}

static void run(const uint8_t *data, size_t size)
{
	struct scenario *scenario = NULL;
	struct error error = {0};

	fuzz_file_open(data, size);
	if (scenario_file_load(FUZZ_FILE, &scenario, &error) < 0)
		fuzz_claim(error.code < 0 && error.text[0] && !strchr(error.text, '\n'));
	else
		check(scenario);
	scenario_file_free(scenario);
	fuzz_file_close();
}

const struct fuzz_target fuzz_scenario = {
    .name = "scenario",
    .doc = "a scenario file, as it is loaded",
    .limit = 4096,
    .run = run,
};
