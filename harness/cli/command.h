/* SPDX-License-Identifier: MIT */
/* The commands: one const struct each, in one list. */
#ifndef WRINGER_CLI_COMMAND_H
#define WRINGER_CLI_COMMAND_H

#include "cli/settings.h"

/* Which commands an option goes with. */
#define FOR_CHECK    0x01u
#define FOR_RUN	     0x02u
#define FOR_WATCH    0x04u
#define FOR_JUDGE    0x08u
#define FOR_LIST     0x10u
#define FOR_EXPLAIN  0x20u
#define FOR_CONTRAST 0x40u
#define FOR_TRUTH    0x80u
#define FOR_MERGE    0x100u
#define FOR_FUZZ     0x200u
#define FOR_BENCH    0x400u
#define FOR_REPLAY   0x800u

/* What stands on the line beside options. */
struct words {
	char **items; /* before "--" */
	size_t count;
	char **command; /* behind "--", NULL-terminated; NULL when there was none */
};

struct command {
	const char *name;
	unsigned bit;
	const char *usage; /* behind the name */
	const char *doc;   /* one line */
	const char *about; /* a paragraph */
	/* Returns the exit status. */
	int (*run)(struct settings *settings, const struct words *words);
};
extern const struct command *const command_list[];
const struct command *command_find(const char *name);

extern const struct command command_check, command_run, command_watch, command_judge, command_list_things,
    command_explain, command_contrast, command_truth, command_merge, command_fuzz, command_bench,
    command_replay;

#endif
