/* SPDX-License-Identifier: MIT */
/* What the target has and uses: fds, CPU time, memory, and its limit of fds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "target/target_impl.h"

static int limit_one(struct target *target, pid_t pid, uint64_t soft, uint64_t hard)
{
	const struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
	struct event event = event_make(EV_FAULT, FAULT_LIMIT);

	if (prlimit(pid, RLIMIT_NOFILE, &limit, NULL) < 0)
		return errno == ESRCH ? 0 : -errno; /* it ended meanwhile */
	event.pid = pid;
	event.arg[0] = soft;
	event.arg[1] = hard;
	return journal_append(target->journal, &event);
}

int target_limit_fds(struct target *target, const struct world *world, uint64_t soft, uint64_t hard,
		     struct error *error)
{
	struct pid_list pids;
	int rc = pids_live(target, world, &pids);

	if (rc < 0)
		return error_set(error, rc, "out of memory");
	if (pids.count == 0)
		rc = error_set(error, -ESRCH, "the target is gone");
	for (size_t i = 0; rc == 0 && i < pids.count; i++) {
		rc = limit_one(target, pids.pids[i], soft, hard);
		if (rc < 0)
			(void)error_set(error, rc, "setting the fd limit of process %d: %s", pids.pids[i],
					strerror(-rc));
	}
	pids_free(&pids);
	return rc;
}

int64_t target_fd_limit(const struct target *target, pid_t pid)
{
	uint64_t soft, hard;
	int rc = proc_limit(pid > 0 ? pid : target->pid, &soft, &hard);

	if (rc < 0)
		return rc;
	return soft > INT64_MAX ? INT64_MAX : (int64_t)soft;
}

int64_t target_fds(const struct target *target, const struct world *world)
{
	struct pid_list pids;
	int64_t sum = 0;
	int rc = pids_live(target, world, &pids);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < pids.count; i++) {
		int64_t count = proc_fds(pids.pids[i]);

		if (count < 0) {
			sum = count;
			break;
		}
		sum += count;
	}
	pids_free(&pids);
	return sum;
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
