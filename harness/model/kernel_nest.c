/* SPDX-License-Identifier: MIT */
/* Epoll instances in each other: what fs/eventpoll.c allows of it, so that no wake-up runs for ever. */
#include "model/kernel_impl.h"

enum { NESTS = 4 }; /* EP_MAX_NESTS */

/* path_limits: so many ways up from one file, by their length. */
static const int path_limits[NESTS + 1] = {1000, 500, 100, 50, 10};

/* ep_loop_check_proc: how deep it goes below this one; more than NESTS when target is found there. */
static int depth_below(struct kernel *kernel, struct file *set, const struct file *target, int depth)
{
	int deepest = 0;

	if (set->visit == kernel->visit)
		return set->depth;
	set->visit = kernel->visit;
	for (struct link *at = set->members.next; at != &set->members && deepest <= NESTS; at = at->next) {
		struct file *below = LINK_OF(struct item, member, at)->file;
		if (below->kind != KIND_EPOLL)
			continue;
		int found = below == target || depth > NESTS
				? NESTS + 1
				: depth_below(kernel, below, target, depth + 1) + 1;
		deepest = found > deepest ? found : deepest;
	}
	set->depth = deepest;
	return deepest;
}

/* ep_get_upwards_depth_proc. */
static int depth_above(struct kernel *kernel, struct file *set, int depth)
{
	int highest = 0;

	if (set->visit == kernel->visit)
		return set->depth;
	for (struct link *at = set->watchers.next; at != &set->watchers && depth <= NESTS; at = at->next) {
		int found = depth_above(kernel, LINK_OF(struct item, watch, at)->set, depth + 1) + 1;
		highest = found > highest ? found : highest;
	}
	set->visit = kernel->visit;
	set->depth = highest;
	return highest;
}

int nest_check(struct kernel *kernel, struct file *set, struct file *file)
{
	int below, above;

	if (file->kind != KIND_EPOLL)
		return 0;
	kernel->visit++;
	below = depth_below(kernel, file, set, 0);
	if (below > NESTS)
		return -ELOOP;
	above = depth_above(kernel, set, 0);
	return below + 1 + above > NESTS ? -ELOOP : 0;
}

/* reverse_path_check_proc: counts the ways from a file up to sets that nobody watches. */
static int count_paths(struct kernel *kernel, const struct file *file, int depth)
{
	if (depth > NESTS)
		return -EINVAL;
	for (struct link *at = file->watchers.next; at != &file->watchers; at = at->next) {
		const struct file *set = LINK_OF(struct item, watch, at)->set;
		int r = 0;
		if (!link_alone(&set->watchers))
			r = count_paths(kernel, set, depth + 1);
		else if (depth && ++kernel->paths[depth] > path_limits[depth])
			r = -EINVAL;
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_paths(struct kernel *kernel, const struct file *file)
{
	for (int i = 0; i <= NESTS; i++)
		kernel->paths[i] = 0;
	return count_paths(kernel, file, 0);
}

/* The file itself, or all files at the bottom of the sets below it. */
int nest_paths(struct kernel *kernel, struct file *file)
{
	if (file->kind != KIND_EPOLL)
		return check_paths(kernel, file);
	for (struct link *at = file->members.next; at != &file->members; at = at->next) {
		int r = nest_paths(kernel, LINK_OF(struct item, member, at)->file);
		if (r < 0)
			return r;
	}
	return 0;
}
