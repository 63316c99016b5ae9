/* SPDX-License-Identifier: MIT */
/* The help that -h prints, from the tables. */
#ifndef WRINGER_CLI_HELP_H
#define WRINGER_CLI_HELP_H

#include "base/buf.h"
#include "cli/command.h"

struct option_row;

/* Of the whole. 0 or -ENOMEM. */
int help_all(struct buf *out);
/* Of one command, wrapped to width columns. 0 or -ENOMEM. */
int help_command(const struct command *command, size_t width, struct buf *out);
/* "-j, --jobs N". 0 or -ENOMEM. */
int help_option_form(const struct option_row *row, struct buf *out);
/* How wide text for people may be: the terminal's columns, 80 elsewhere, never above 100. */
size_t help_width(void);

#endif
