/* SPDX-License-Identifier: MIT */
/* The command line of a process that runs already, for the report. */
#ifndef WRINGER_CLI_RUNNING_H
#define WRINGER_CLI_RUNNING_H

#include <sys/types.h>

struct running {
	char text[4096];
	char *argv[64]; /* NULL-terminated, into text; cut where that is full */
};

/* A process without one (it ended, or belongs to the kernel) is called by its number. */
void running_read(pid_t pid, struct running *ret_running);

#endif
