/* SPDX-License-Identifier: MIT */
/* A settings file, wringer.lua: the first byte picks the command that reads it. */
#include <string.h>
#include "cli/options.h"
#include "fuzz/common/feed.h"
#include "fuzz/common/target.h"

static void run(const uint8_t *data, size_t size)
{
	struct settings settings;
	struct error error = {0};

	if (size == 0)
		return;
	fuzz_file_open(data + 1, size - 1);
	settings_init(&settings);
	settings.config = FUZZ_FILE;
	if (settings_load(&settings, 1u << data[0] % 8, &error) < 0)
		fuzz_claim(error.code < 0 && error.text[0] && !strchr(error.text, '\n'));
	settings_free(&settings);
	fuzz_file_close();
}

const struct fuzz_target fuzz_config = {
    .name = "config",
    .doc = "a settings file, wringer.lua",
    .limit = 2048,
    .run = run,
};
