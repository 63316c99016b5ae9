/* SPDX-License-Identifier: MIT */
/* What check, run and contrast share: from settings to verdict. */
#ifndef WRINGER_CLI_PLAY_H
#define WRINGER_CLI_PLAY_H

#include <stddef.h>
#include "cli/settings.h"

/* One case of a run that was. */
struct play_case {
	char scenario[64], target[64];
	uint32_t round;
};

struct play_order {
	char *const *words; /* which scenarios, none: all */
	size_t word_count;
	char **command;		       /* NULL: on reference targets */
	const struct play_case *cases; /* only these of what was chosen; NULL: all */
	size_t case_count;
	bool contrast; /* targets side by side, the command among them; only what did not pass is told else */
};

/* Runs the scenarios that words and settings choose. Returns the exit status. */
int play(struct settings *settings, const struct play_order *order);

#endif
