/* SPDX-License-Identifier: MIT */
/* What check, run and contrast share: from settings to verdict. */
#ifndef WRINGER_CLI_PLAY_H
#define WRINGER_CLI_PLAY_H

#include <stddef.h>
#include "cli/settings.h"

struct play_order {
	char *const *words; /* which scenarios, none: all */
	size_t word_count;
	char **command; /* NULL: on reference targets */
	bool contrast; /* targets side by side, the command among them; only what did not pass is told else */
};

/* Runs the scenarios that words and settings choose. Returns the exit status. */
int play(struct settings *settings, const struct play_order *order);

#endif
