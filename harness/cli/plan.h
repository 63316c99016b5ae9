/* SPDX-License-Identifier: MIT */
/* What will be run: scenarios on targets, in rounds, a shard of it. */
#ifndef WRINGER_CLI_PLAN_H
#define WRINGER_CLI_PLAN_H

#include "base/error.h"
#include "cli/select.h"
#include "cli/settings.h"
#include "run/suite.h"

#define COMMAND_TARGET "command" /* what the user's own server is called as a target */

/* A server: a reference target with its arguments, or the user's command. */
struct plan_target {
	const char *name;
	char **argv;	/* NULL-terminated */
	char *owned[6]; /* reference targets: the argv itself */
};

struct plan {
	struct plan_target *targets;
	size_t target_count;
	struct suite_case *cases;
	size_t count;
	char *names;  /* of the targets, joined by commas */
	uint64_t sum; /* of all that is to be run and how, its other shards included: parts of one run have
			 the same */
};

/*
 * The servers: the --target names, then the command behind "--"; the default when there is neither. 0 or a
 * negative errno with error; ret_plan is to be freed in either case.
 */
int plan_targets(const struct settings *settings, char **command, const char *protocol, struct plan *ret_plan,
		 struct error *error);

/* How all of them are watched, see watching_find. */
int plan_watch(const struct plan *plan, const char *name, const struct watch_ops **ret_watch,
	       struct error *error);

/* The cases. 0 or a negative errno with error. */
int plan_cases(const struct settings *settings, const struct selection *selection,
	       const struct protocol *protocol, const struct watch_ops *watch, struct plan *plan,
	       struct error *error);
void plan_free(struct plan *plan);

/* Whether a command can be started, found by PATH: said once, rather than by every case. 0, or a negative
 * errno with a line for the user. */
int plan_find_command(const char *name, struct error *error);

#endif
