/* SPDX-License-Identifier: MIT */
/* What check and run share: from settings to verdict. */
#ifndef WRINGER_CLI_PLAY_H
#define WRINGER_CLI_PLAY_H

#include "cli/settings.h"

/* Runs the scenarios that words and settings choose, on the command (NULL: on reference targets). Returns the
 * exit status. */
int play(struct settings *settings, char *const *words, size_t word_count, char **command);

#endif
