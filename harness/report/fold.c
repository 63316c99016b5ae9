/* SPDX-License-Identifier: MIT */
#include "report/fold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"

static int copy_finding(const struct result_finding *from, struct result_finding *ret_copy)
{
	struct result_finding copy = *from;

	copy.evidence = (struct evidence_list){0};
	if (from->evidence.count) {
		copy.evidence.lines = calloc(from->evidence.count, sizeof *copy.evidence.lines);
		if (!copy.evidence.lines)
			return -ENOMEM;
		memcpy(copy.evidence.lines, from->evidence.lines,
		       from->evidence.count * sizeof *copy.evidence.lines);
		copy.evidence.count = copy.evidence.capacity = from->evidence.count;
	}
	*ret_copy = copy;
	return 0;
}

static void free_finding(struct result_finding *finding)
{
	free(finding->evidence.lines);
	finding->evidence = (struct evidence_list){0};
}

/* The one that convinces: the graver, then the one with a story to show, then the one seen more often. */
static bool better(const struct result_finding *a, const struct result_finding *b)
{
	if (a->finding.severity != b->finding.severity)
		return a->finding.severity > b->finding.severity;
	if (!a->evidence.count != !b->evidence.count)
		return a->evidence.count > 0;
	return a->finding.count > b->finding.count;
}

static struct fold_case *find_case(struct fold_group *group, const struct result *result)
{
	for (size_t i = 0; i < group->case_count; i++)
		if (strcmp(group->cases[i].scenario, result->scenario) == 0 &&
		    strcmp(group->cases[i].target, result->target) == 0)
			return &group->cases[i];
	return NULL;
}

static struct fold_case *need_case(struct fold_group *group, const struct result *result)
{
	struct fold_case *found = find_case(group, result);

	if (found)
		return found;
	found = array_grow(group->cases, group->case_count, &group->case_capacity, sizeof *group->cases);
	if (!found)
		return NULL;
	group->cases = found;
	found += group->case_count++;
	*found = (struct fold_case){.round = result->round};
	(void)snprintf(found->scenario, sizeof found->scenario, "%s", result->scenario);
	(void)snprintf(found->target, sizeof found->target, "%s", result->target);
	return found;
}

static struct fold_group *find_group(struct fold *fold, const struct result *result,
				     const struct result_finding *finding)
{
	for (size_t i = 0; i < fold->count; i++) {
		struct fold_group *group = &fold->groups[i];
		if (group->best.finding.rule != finding->finding.rule)
			continue;
		if (!fold->apart || find_case(group, result))
			return group;
	}
	return NULL;
}

static int new_group(struct fold *fold, const struct result *result, const struct result_finding *finding)
{
	struct fold_group *grown =
	    array_grow(fold->groups, fold->count, &fold->capacity, sizeof *fold->groups);
	struct fold_group group = {0};

	if (!grown)
		return -ENOMEM;
	fold->groups = grown;
	struct fold_case *where = need_case(&group, result);
	if (!where || copy_finding(finding, &group.best) < 0) {
		free(group.cases);
		return -ENOMEM;
	}
	where->count = 1;
	grown[fold->count++] = group;
	return 0;
}

static int join_group(struct fold_group *group, const struct result *result,
		      const struct result_finding *finding)
{
	struct fold_case *where = need_case(group, result);
	struct result_finding copy;

	if (!where)
		return -ENOMEM;
	where->count++;
	if (!better(finding, &group->best))
		return 0;
	if (copy_finding(finding, &copy) < 0)
		return -ENOMEM;
	free_finding(&group->best);
	group->best = copy;
	group->best_case = (size_t)(where - group->cases);
	/* The command that runs it again must give the round in which this one was seen. */
	where->round = result->round;
	return 0;
}

int fold_add(struct fold *fold, const struct result *result)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < result->finding_count; i++) {
		const struct result_finding *finding = &result->findings[i];
		struct fold_group *group = find_group(fold, result, finding);
		r = group ? join_group(group, result, finding) : new_group(fold, result, finding);
	}
	return r;
}

/* Whether that group is told behind this one: the gravest first, causes before symptoms. */
static bool is_behind(const struct finding *that, const struct finding *this)
{
	if (that->severity != this->severity)
		return that->severity < this->severity;
	return that->rule->symptom && !this->rule->symptom;
}

void fold_sort(struct fold *fold)
{
	/* Insertion: few groups, and the order they came in must stay. */
	for (size_t i = 1; i < fold->count; i++) {
		struct fold_group group = fold->groups[i];
		size_t at = i;
		for (; at && is_behind(&fold->groups[at - 1].best.finding, &group.best.finding); at--)
			fold->groups[at] = fold->groups[at - 1];
		fold->groups[at] = group;
	}
}

void fold_free(struct fold *fold)
{
	for (size_t i = 0; i < fold->count; i++) {
		free_finding(&fold->groups[i].best);
		free(fold->groups[i].cases);
	}
	free(fold->groups);
	*fold = (struct fold){0};
}
