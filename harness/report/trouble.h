/* SPDX-License-Identifier: MIT */
/* Cases that went wrong without a finding that says why; those with one reason are told once. */
#ifndef WRINGER_REPORT_TROUBLE_H
#define WRINGER_REPORT_TROUBLE_H

#include <stddef.h>
#include "report/report.h"
#include "report/style.h"

struct trouble;

struct trouble_list {
	struct trouble *items;
	size_t count, capacity;
};

/* Takes a copy of what is to be told. 0 or -ENOMEM. */
int trouble_add(struct trouble_list *list, const struct report_head *head, const struct result *result);
/* Appends all of them, an empty line before each. 0 or -ENOMEM. */
int trouble_put(const struct style *style, const struct report_head *head, const struct trouble_list *list,
		struct buf *out);
void trouble_free(struct trouble_list *list);

#endif
