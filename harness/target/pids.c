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

struct stop_look {
	pid_t pid;
	int signo;
};

static unsigned long long field_of(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

/* 1, which ends the walk: a thread that may still make a call. */
static int still_runs(void *arg, int tid)
{
	const struct stop_look *look = arg;
	unsigned long long bit = 1ULL << (look->signo - 1);
	char path[64], text[4096];
	const char *state;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/status", look->pid, tid);
	if (proc_read(path, text, sizeof(text)) <= 0)
		return 0;
	state = strstr(text, "\nState:\t");
	if (!state || !strchr("TtZX", state[strlen("\nState:\t")]))
		return 1;
	/* Stopped by its tracer for a moment, perhaps, before it comes to the signal. */
	return (field_of(text, "\nSigPnd:") | field_of(text, "\nShdPnd:")) & bit ? 1 : 0;
}

bool target_stopped(const struct target *target, const struct world *world, int signo)
{
	struct pid_list pids;
	bool stopped = true;

	if (pids_live(target, world, &pids) < 0)
		return false;
	for (size_t i = 0; i < pids.count && stopped; i++) {
		struct stop_look look = {.pid = pids.pids[i], .signo = signo};
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/task", pids.pids[i]);
		stopped = proc_each(path, still_runs, &look) == 0;
	}
	pids_free(&pids);
	return stopped;
}

void pids_free(struct pid_list *list)
{
	free(list->pids);
	memset(list, 0, sizeof(*list));
}
