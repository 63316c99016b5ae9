/* SPDX-License-Identifier: MIT */
/* Which way of watching is meant, and whether it is allowed here. */
#ifndef WRINGER_CLI_WATCHING_H
#define WRINGER_CLI_WATCHING_H

#include "base/error.h"
#include "watch/watch.h"

/* "auto": ptrace where it is allowed, else none, and says so. 0 or -ENOENT with error. */
int watching_find(const char *name, const struct watch_ops **ret_ops, struct error *error);

#endif
