/* SPDX-License-Identifier: MIT */
/* `wringer watch`: the rules alone, the user brings the traffic. */
#ifndef WRINGER_RUN_OBSERVE_H
#define WRINGER_RUN_OBSERVE_H

#include "run/case.h"

struct observe_options {
	char *const *argv;
	const struct watch_ops *watch;
	const char *rules, *protocol;
	const struct ignore_list *ignores; /* NULL: none */
	double time_scale;
	const char *journal;		   /* where to write it */
	const volatile sig_atomic_t *stop; /* 1: pass SIGTERM on to the target, 2: kill it */
};

/* Runs the command to its end with our stdin, stdout, stderr. ret_status: its wait status. */
int observe_run(const struct observe_options *options, struct result *ret_result, int *ret_status,
		struct error *error);

#endif
