/* SPDX-License-Identifier: MIT */
/* Which way of watching is meant, and whether it is allowed here. */
#ifndef WRINGER_CLI_WATCHING_H
#define WRINGER_CLI_WATCHING_H

#include "base/error.h"
#include "watch/watch.h"

/*
 * How those programs are watched. "auto": preload where all of them can be, else ptrace, and the reason is
 * said, where it is allowed, else none. 0, -ENOENT, or what the way's check says, with error.
 */
int watching_find(const char *name, const char *const *programs, size_t count,
		  const struct watch_ops **ret_ops, struct error *error);

#endif
