/* SPDX-License-Identifier: MIT */
/* A journal as a time line for people. */
#ifndef WRINGER_CLI_SHOW_H
#define WRINGER_CLI_SHOW_H

#include <stdio.h>
#include "base/error.h"

/* Prints the file, a line an event. 0 or a negative errno with error. */
int show_journal(const char *path, FILE *out, struct error *error);

#endif
