/* SPDX-License-Identifier: MIT */
/*
 * Known deviations: findings that a project has looked at and lives with, each with its reason. The rule is
 * judged all the same, so that a deviation which is gone is noticed.
 */
#ifndef WRINGER_RULES_IGNORE_H
#define WRINGER_RULES_IGNORE_H

#include <stddef.h>
#include "base/error.h"

/* More of them than this is no list of exceptions any more. */
#define IGNORE_MOST 64

struct ignore {
	char rule[48];	   /* glob of rule ids */
	char scenario[64]; /* glob, "" every scenario */
	char reason[256];  /* "" none given */
};

struct ignore_list {
	struct ignore *items;
	size_t count, capacity;
};

/*
 * Adds what the text names: `RULE[@SCENARIO][, …]`, each a glob; behind a `=` stands the reason, which goes
 * to the end of the text. 0; -EINVAL with error (no such rule, a part too long, nothing named, too many);
 * -ENOMEM.
 */
int ignore_add(struct ignore_list *list, const char *text, struct error *error);
/* The first that covers this rule's findings in that scenario, NULL none. list may be NULL. */
const struct ignore *ignore_find(const struct ignore_list *list, const char *scenario, const char *rule);
void ignore_free(struct ignore_list *list);

#endif
