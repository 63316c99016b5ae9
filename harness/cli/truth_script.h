/* SPDX-License-Identifier: MIT */
/* `wringer truth --script FILE`: a script's steps on the running kernel and on its model. */
#ifndef WRINGER_CLI_TRUTH_SCRIPT_H
#define WRINGER_CLI_TRUTH_SCRIPT_H

#include "cli/settings.h"

/* Plays each file and prints its steps with what they answered. Returns the exit status: of a difference, of
 * ours. */
int truth_scripts(const struct settings *settings);

#endif
