/* SPDX-License-Identifier: MIT */
/* Inside of agent.c and agent_collect.c. */
#ifndef WRINGER_WATCH_AGENT_INNER_H
#define WRINGER_WATCH_AGENT_INNER_H

#include <limits.h>
#include <stdatomic.h>
#include "agent/share.h"
#include "watch/agent.h"

#define FUTILE_MOST   4000
#define FUTILE_SPINS  2000
#define FUTILE_A_MOVE 64
#define RECORD_WORTH  256 /* bytes: as much again counts as one record more */

struct agent {
	struct agent_share *share;
	int file;
	char path[64], library[PATH_MAX];
	char **environment, *text[2];
	struct fault_set *faults;
	struct tracee *owners[AGENT_SLOTS]; /* NULL: free */
	size_t used;			    /* slots ever given are below */
	uint64_t claims, futile; /* futile: grows with calls that achieve nothing, see agent_collect.c */
	atomic_bool stopped;
	bool sandboxed; /* the target filters its own calls */
};

#endif
