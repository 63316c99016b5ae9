/* SPDX-License-Identifier: MIT */
/* What the target has and uses: fds, CPU time, memory. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "target/target_impl.h"

/* What `of` says of each live process, added up; negative errno. */
static int64_t sum_of(const struct target *target, const struct world *world, int64_t (*of)(pid_t pid))
{
	struct pid_list pids;
	int64_t sum = 0;
	int rc = pids_live(target, world, &pids);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < pids.count; i++) {
		int64_t count = of(pids.pids[i]);

		if (count < 0 || __builtin_add_overflow(sum, count, &sum)) {
			sum = count < 0 ? count : INT64_MAX;
			break;
		}
	}
	pids_free(&pids);
	return sum;
}

static int64_t soft_limit(pid_t pid)
{
	uint64_t soft, hard;
	int rc = proc_limit(pid, &soft, &hard);

	return rc < 0 ? rc : soft < INT64_MAX ? (int64_t)soft : INT64_MAX;
}

int64_t target_fds(const struct target *target, const struct world *world)
{
	return sum_of(target, world, proc_fds);
}

int64_t target_fds_most(const struct target *target, const struct world *world)
{
	return sum_of(target, world, soft_limit);
}

/* CPU time only grows: the last answer of a process that is gone stays its last word. */
static void book_note(struct cpu_book *book, pid_t pid, uint64_t used)
{
	struct cpu_entry *entry = map_get(&book->entries, (uint64_t)pid);

	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry || map_put(&book->entries, (uint64_t)pid, entry) < 0) {
			free(entry);
			return;
		}
	}
	if (used > entry->used)
		entry->used = used;
}

uint64_t target_cpu(const struct target *target, const struct world *world)
{
	struct pid_list pids;
	struct cpu_entry *entry;
	uint64_t sum = 0, used;
	size_t at = 0;

	if (pids_live(target, world, &pids) == 0) {
		for (size_t i = 0; i < pids.count; i++) {
			if (proc_cpu(pids.pids[i], &used) == 0)
				book_note(target->book, pids.pids[i], used);
		}
		pids_free(&pids);
	}
	while ((entry = map_next(&target->book->entries, &at, NULL)))
		sum += entry->used;
	return sum;
}

bool target_sleeps(struct target *target, const struct world *world)
{
	const struct thread *thread;
	size_t at = 0;

	if (!target->sleepers)
		target->sleepers = sleepers_new();
	while (target->sleepers && (thread = world_next_thread(world, &at))) {
		if (thread->alive && !sleepers_ask(target->sleepers, thread->process->pid, thread->tid))
			return false;
	}
	return target->sleepers != NULL;
}

uint64_t target_rss(const struct target *target, const struct world *world)
{
	struct pid_list pids;
	uint64_t sum = 0;

	if (pids_live(target, world, &pids) < 0)
		return 0;
	for (size_t i = 0; i < pids.count; i++)
		sum += proc_rss(pids.pids[i]);
	pids_free(&pids);
	return sum;
}
