/* SPDX-License-Identifier: MIT */
/* What can be listed and explained: rules, scenarios, targets, faults, protocols. One const struct a kind, in
 * one list. */
#ifndef WRINGER_CLI_THINGS_H
#define WRINGER_CLI_THINGS_H

#include "base/buf.h"
#include "base/error.h"

struct thing {
	const char *name, *doc;
	const char *trait; /* what else a machine wants to know of it; NULL nothing */
};

struct kind {
	const char *plural, *singular;
	const char *trait; /* what the trait is: "severity" */
	/* Calls each for every one; stops at the first result below 0 and returns it. */
	int (*each)(int (*each)(void *arg, const struct thing *thing), void *arg, struct error *error);
	/* Appends what there is to say below its headline. -ENOENT for an unknown name. */
	int (*explain)(const char *name, size_t width, struct buf *out, struct error *error);
};
extern const struct kind *const kind_list[];
const struct kind *kind_find(const char *plural);

extern const struct kind kind_scenarios, kind_rules, kind_targets, kind_faults, kind_protocols;

/* Appends "\nHeading\n" and the paragraph below it, wrapped and indented; nothing for an empty one. 0 or
 * -ENOMEM. */
int thing_section(const char *heading, const char *text, size_t width, struct buf *out);

#endif
