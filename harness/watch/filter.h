/* SPDX-License-Identifier: MIT */
/* The seccomp filter: which calls stop the target. */
#ifndef WRINGER_WATCH_FILTER_H
#define WRINGER_WATCH_FILTER_H

#include <linux/filter.h>
#include "watch/row.h"

#define FILTER_MAX (NUMBER_END + 8)

struct filter {
	struct sock_filter code[FILTER_MAX];
	struct sock_fprog program;
};

/*
 * Stops at the calls that have a row, and at every call of another architecture (they are noted, not
 * decoded). passed: not at calls made from there (the address behind the instruction); 0: from nowhere.
 */
void filter_build(struct filter *filter, const struct row_index *rows, uint64_t passed);

#endif
