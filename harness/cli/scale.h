/* SPDX-License-Identifier: MIT */
/* `wringer contrast --scale`: how servers grow with the connections they hold. */
#ifndef WRINGER_CLI_SCALE_H
#define WRINGER_CLI_SCALE_H

#include "cli/command.h"

/* Measures, and tells as the settings say. Returns the exit status. */
int scale(struct settings *settings, const struct words *words);

#endif
