/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <string.h>

const struct command *const command_list[] = {&command_check,
					      &command_run,
					      &command_watch,
					      &command_fuzz,
					      &command_contrast,
					      &command_truth,
					      &command_judge,
					      &command_replay,
					      &command_merge,
					      &command_bench,
					      &command_list_things,
					      &command_explain,
					      NULL};

const struct command *command_find(const char *name)
{
	for (const struct command *const *command = command_list; *command; command++)
		if (strcmp((*command)->name, name) == 0)
			return *command;
	return NULL;
}
