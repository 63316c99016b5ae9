/* SPDX-License-Identifier: MIT */
/* Findings of many cases, those of one rule folded: the best one is shown, the others are counted. */
#ifndef WRINGER_REPORT_FOLD_H
#define WRINGER_REPORT_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include "run/result.h"

struct fold_case {
	char scenario[64], target[64];
	uint32_t round; /* the first in which it was found */
	uint32_t count; /* findings of the rule in it, over all rounds */
};

struct fold_group {
	struct result_finding best; /* a copy of its own */
	size_t best_case;	    /* which of the cases it is from */
	struct fold_case *cases;    /* scenario and target, each once */
	size_t case_count, case_capacity;
};

struct fold {
	bool apart; /* every scenario stands on its own */
	struct fold_group *groups;
	size_t count, capacity;
};

/* Takes in the findings of one case. 0 or -ENOMEM. */
int fold_add(struct fold *fold, const struct result *result);
/* By severity, then in the order they came. */
void fold_sort(struct fold *fold);
void fold_free(struct fold *fold);

#endif
