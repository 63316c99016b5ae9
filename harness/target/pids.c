/* SPDX-License-Identifier: MIT */
/* Which processes the target consists of now. */
#include "target/target_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"

static int pids_add(struct pid_list *list, pid_t pid)
{
	pid_t *grown;

	for (size_t i = 0; i < list->count; i++) {
		if (list->pids[i] == pid)
			return 0;
	}
	grown = array_grow(list->pids, list->count, &list->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->pids = grown;
	list->pids[list->count++] = pid;
	return 0;
}

struct descent {
	struct pid_list *list;
	pid_t pid;
};

/* One thread's children; they are appended, so that the walk over the list visits them in turn. */
static int add_children(void *arg, int tid)
{
	struct descent *descent = arg;
	char path[64], text[4096], *at = text, *end;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", descent->pid, tid);
	rc = proc_read(path, text, sizeof(text));
	if (rc <= 0)
		return 0;
	for (long child = strtol(at, &end, 10); end != at && child > 0; child = strtol(at, &end, 10)) {
		rc = pids_add(descent->list, (pid_t)child);
		if (rc < 0)
			return rc;
		at = end;
	}
	return 0;
}

static int descend(struct pid_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct descent descent = {.list = list, .pid = list->pids[i]};
		char path[64];
		int rc;

		(void)snprintf(path, sizeof(path), "/proc/%d/task", list->pids[i]);
		rc = proc_each(path, add_children, &descent);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int pids_live(const struct target *target, const struct world *world, struct pid_list *ret_list)
{
	struct pid_list list = {0};
	struct process *process;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && world && (process = world_next_process(world, &at))) {
		if (process->alive && process->pid > 0)
			rc = pids_add(&list, process->pid);
	}
	/* An untraced target forks unseen. */
	if (rc == 0 && (list.count == 0 || target->watch->blind)) {
		if (list.count == 0 && target_alive(target))
			rc = pids_add(&list, target->pid);
		rc = rc ? rc : descend(&list);
	}
	if (rc < 0) {
		pids_free(&list);
		return rc;
	}
	*ret_list = list;
	return 0;
}

void pids_free(struct pid_list *list)
{
	free(list->pids);
	memset(list, 0, sizeof(*list));
}
