/* SPDX-License-Identifier: MIT */
/* What the command says on standard error: one line, "wringer: …". */
#ifndef WRINGER_CLI_SAY_H
#define WRINGER_CLI_SAY_H

#include "base/error.h"

/* Prints the line and returns STATUS_OURS, so that `return say_error(…)` reads well. */
int say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with the error's own text. */
int say(const struct error *error);
/* A remark that changes nothing. */
void say_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Flushes standard output: STATUS_OURS when what was printed did not arrive (silently for a closed pipe),
 * else status. */
int say_done(int status);

#endif
