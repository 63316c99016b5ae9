/* SPDX-License-Identifier: MIT */
/* Whether a program will load the agent. */
#ifndef WRINGER_WATCH_PROGRAM_H
#define WRINGER_WATCH_PROGRAM_H

#include <stdbool.h>
#include "base/error.h"

/*
 * command: as execvp takes it, found by the PATH of this process; scripts are followed to their interpreter.
 * 0, or -EOPNOTSUPP with the reason: it is linked statically, runs with more rights than its caller, is of
 * another machine, or insists on being first with libraries of its own. What cannot be read is left to exec:
 * 0.
 */
int program_preloads(const char *command, struct error *error);
/* Whether the file of a program has a sanitizer that ends it when another library is loaded first. */
bool program_comes_first(const char *path);

#endif
