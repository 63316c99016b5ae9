/* SPDX-License-Identifier: MIT */
/* A command line: the first byte picks the command, the rest are its words, a line each. */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "fuzz/common/guard.h"
#include "fuzz/common/target.h"

#define WORDS_MOST 62

static const struct command *pick(uint8_t byte)
{
	size_t count = 0;

	while (command_list[count])
		count++;
	return command_list[byte % count];
}

static int split(char *text, char **words)
{
	int count = 1;

	for (char *at = text; at && count < WORDS_MOST; count++) {
		char *end = strchr(at, '\n');
		if (end)
			*end++ = '\0';
		words[count] = at;
		at = end;
	}
	words[count] = NULL;
	return count;
}

static void run(const uint8_t *data, size_t size)
{
	struct guard guard;
	struct settings settings;
	struct words words = {0};
	struct error error = {0};
	char *argv[WORDS_MOST + 1];

	if (size == 0)
		return;
	const struct command *command = pick(data[0]);
	guard_open(&guard, size);
	int argc = split(guard_text(&guard, data + 1, size - 1), argv);
	argv[0] = (char *)command->name;
	settings_init(&settings);
	if (options_parse(command, argc, argv, &settings, &words, &error) < 0)
		fuzz_claim(error.code < 0 && error.text[0] && !strchr(error.text, '\n'));
	else
		fuzz_claim(words.count < WORDS_MOST);
	settings_free(&settings);
	guard_close(&guard);
}

const struct fuzz_target fuzz_options = {
    .name = "options",
    .doc = "a command line of wringer",
    .limit = 1024,
    .run = run,
};
