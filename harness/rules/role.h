/* SPDX-License-Identifier: MIT */
/* What each process was seen doing: which of a whole tree of them is a server. */
#ifndef WRINGER_RULES_ROLE_H
#define WRINGER_RULES_ROLE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/map.h"
#include "journal/event.h"
#include "model/world.h"

#define ROLE_SEEN    1u /* any call at all */
#define ROLE_WAITS   2u
#define ROLE_ACCEPTS 4u
#define ROLE_ASKS    8u /* connects to a listener of its own: a test, whose exit status is its verdict */

/* Zero-initialised is nobody. */
struct roles {
	struct map of_pid;  /* pid -> ROLE_* as a pointer's bits */
	struct map ports;   /* pid and port -> struct file, that it called listen for */
	bool child_accepts; /* a process other than the first did: then that one started a server */
};

/* Follows an event that is in the world already, after all use of its roles: an end or an exec takes them
 * away. 0 or -ENOMEM. */
int roles_follow(struct roles *roles, const struct world *world, const struct event *event);
unsigned role_of(const struct roles *roles, int32_t pid);
void roles_release(struct roles *roles);

#endif
