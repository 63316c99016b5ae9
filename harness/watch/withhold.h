/* SPDX-License-Identifier: MIT */
/* Keeping a library out of a program that has not run yet. */
#ifndef WRINGER_WATCH_WITHHOLD_H
#define WRINGER_WATCH_WITHHOLD_H

#include <sys/types.h>

/*
 * The tracee stands behind exec, before its first instruction: the library leaves the LD_PRELOAD of its
 * environment, whatever else is there stays. 0, -ENOENT when it is not in there, or the errno of reading or
 * writing the tracee.
 */
int withhold(pid_t tid, const char *library);

#endif
