/* SPDX-License-Identifier: MIT */
/* The option table: the command line, the help of each command, wringer.lua and the man page are all made
 * from it. */
#ifndef WRINGER_CLI_OPTIONS_H
#define WRINGER_CLI_OPTIONS_H

#include "base/error.h"
#include "cli/command.h"
#include "cli/settings.h"

enum option_section { SECTION_WHAT, SECTION_HOW, SECTION_REPORT, SECTION_OTHER, SECTION_COUNT };

#define LINE_ONLY 0x1u /* not in wringer.lua */
#define AGAIN	  0x2u /* part of what makes a run what it is */

struct option_row {
	const char *name;     /* the long one */
	char letter;	      /* 0: none */
	const char *argument; /* NULL: a flag */
	const char *help;
	enum option_section section;
	unsigned commands; /* FOR_… */
	/* value is NULL for a flag on the line, "true" or "false" in a settings file. 0 or -EINVAL with
	 * "--name wants …". */
	int (*parse)(struct settings *settings, const struct option_row *row, const char *value,
		     struct error *error);
	size_t offset; /* of the member of struct settings, for the parse functions of a type */
	unsigned traits;
};
extern const struct option_row option_rows[]; /* ends with a NULL name */
extern const size_t option_row_count;
extern const char *const option_sections[SECTION_COUNT];

/* By its long name or its letter; NULL: no such option of that command. */
const struct option_row *option_find(const char *name, unsigned command);

/* Reads argv (argv[0] is the command's name). May reorder argv up to the "--". 0, or -EINVAL with a line for
 * the user. */
int options_parse(const struct command *command, int argc, char **argv, struct settings *settings,
		  struct words *ret_words, struct error *error);

#endif
