/* SPDX-License-Identifier: MIT */
/* The processes below one, as /proc tells. */
#ifndef WRINGER_WATCH_TREE_H
#define WRINGER_WATCH_TREE_H

#include <stddef.h>
#include <sys/types.h>

#define TREE_MAX 1024

/* Fills pids with the descendants of root (at most size, and TREE_MAX), parents first, and returns how many.
 */
size_t tree_below(pid_t root, pid_t *pids, size_t size);

#endif
