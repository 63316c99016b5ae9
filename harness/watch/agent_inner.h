/* SPDX-License-Identifier: MIT */
/* Inside of agent.c and agent_collect.c. */
#ifndef WRINGER_WATCH_AGENT_INNER_H
#define WRINGER_WATCH_AGENT_INNER_H

#include <limits.h>
#include <stdatomic.h>
#include "agent/share.h"
#include "watch/agent.h"

struct agent {
	struct agent_share *share;
	int file;
	char path[64], library[PATH_MAX];
	char **environment, *text[2];
	struct fault_set *faults;
	struct tracee *owners[AGENT_SLOTS]; /* NULL: free */
	size_t used;			    /* slots ever given are below */
	uint64_t claims, futile;	    /* records since one that moved bytes or brought a connection */
	atomic_bool stopped;
};

#endif
