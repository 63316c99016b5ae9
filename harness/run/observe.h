/* SPDX-License-Identifier: MIT */
/* `wringer watch`: the rules alone, the user brings the traffic. */
#ifndef WRINGER_RUN_OBSERVE_H
#define WRINGER_RUN_OBSERVE_H

#include "run/case.h"

struct observe_options {
	char *const *argv; /* with attach: only what it is called in the journal */
	pid_t attach;	   /* 0: the command is started; else it runs already, and runs on afterwards */
	uint64_t patience; /* ns, 0 for ever: then as if stop were set */
	const struct watch_ops *watch;
	const struct fault *faults; /* under the target, from its start on; one that never strikes: broken */
	size_t fault_count;
	const char *rules, *protocol;
	const struct ignore_list *ignores; /* NULL: none */
	double time_scale;
	const char *journal;		   /* where to write it */
	const volatile sig_atomic_t *stop; /* 1: pass SIGTERM on to the target, 2: kill it; let go of
					      what was attached to */
	void (*left)(uint32_t processes);  /* NULL: nobody asks. Told once that the command has ended, and so
					      many of those it started run on */
};

/*
 * Runs the command, and all it starts, to the end with our stdin, stdout, stderr. ret_status: the wait status
 * of the command itself; 0 for one that was let go.
 */
int observe_run(const struct observe_options *options, struct result *ret_result, int *ret_status,
		struct error *error);

#endif
