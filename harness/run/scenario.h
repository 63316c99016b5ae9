/* SPDX-License-Identifier: MIT */
/* A scenario as the run knows it. script/ makes them from Lua files; tests may make them in C. */
#ifndef WRINGER_RUN_SCENARIO_H
#define WRINGER_RUN_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

struct stage;

/* What a scenario needs beyond the protocol's offers (PROTOCOL_* of peer/protocol.h); without it: skip, with
 * the reason. */
#define NEED_SANDBOX 0x1u /* its own network namespace (sysctls, TCP_REPAIR) */
#define NEED_WATCH   0x2u /* calls seen */
#define NEED_INJECT  0x4u /* calls changed */

struct scenario_knob {
	const char *name, *value; /* "net/ipv4/tcp_wmem" */
};

struct scenario {
	const char *name;		   /* "rst-mid-request" */
	const char *doc;		   /* one line */
	const char *why;		   /* a paragraph for `explain`, may be NULL */
	const char *file;		   /* where it comes from */
	uint32_t offers;		   /* PROTOCOL_* it needs */
	uint32_t needs;			   /* NEED_* */
	uint64_t fd_limit;		   /* RLIMIT_NOFILE from the start, 0: as it is */
	const struct scenario_knob *knobs; /* sysctls of the namespace */
	size_t knob_count;
	/*
	 * The scenario's own steps, on a stage whose target is ready, whose canary runs. Steps forward with
	 * stage_step; returns 0 when done, or a negative errno after stage_broken/stage_fail/stage_skip said
	 * why.
	 */
	int (*play)(const struct scenario *scenario, struct stage *stage);
	void *state;
};

#endif
