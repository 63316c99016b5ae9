/* SPDX-License-Identifier: MIT */
#include "watch/learn.h"

#include "watch/found.h"
#include "watch/status.h"

static struct tracee *leader_of(struct tracer *tracer, pid_t pid)
{
	struct tracee *tracee = tracee_find(tracer, pid);

	return tracee && tracee->process && tracee->process->pid == pid ? tracee : NULL;
}

static struct tracee *parent_of(struct tracer *tracer, const struct tracee *leader)
{
	struct tracee *parent;

	if (leader->tid == tracer->first)
		return NULL;
	parent = tracee_find(tracer, status_origin(leader->tid));
	if (!parent || !parent->process)
		parent = tracee_find(tracer, tracer->first);
	return parent && parent->process ? parent : NULL;
}

/* How many there are. */
static uint32_t journal_threads(struct tracer *tracer)
{
	struct tracee *tracee;
	uint32_t threads = 0;
	uint64_t tid;
	size_t at = 0;

	while ((tracee = map_next(&tracer->tracees, &at, &tid))) {
		if (!tracee->process)
			continue;
		struct event event = tracer_event(tracee, EV_FOUND, FOUND_THREAD);

		tracer_append(tracer, &event);
		threads++;
	}
	return threads;
}

int learn_family(struct tracer *tracer, const pid_t *pids, size_t count, const char *cost)
{
	struct estate estate = {.tracer = tracer};
	uint32_t processes = 0, threads;
	struct tracee *leader;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < count; i++)
		if ((leader = leader_of(tracer, pids[i])))
			ret = found_listeners(&estate, leader);
	for (size_t i = 0; ret == 0 && i < count; i++) {
		if (!(leader = leader_of(tracer, pids[i])))
			continue;
		processes++;
		ret = found_process(&estate, leader, parent_of(tracer, leader));
	}
	threads = journal_threads(tracer);
	ret = ret ? ret
		  : journal_mark(tracer->watcher->journal, MARK_NOTE,
				 "attached to process %d: %u processes, %u threads, %u fds; %s",
				 tracer->first, processes, threads, estate.fds, cost);
	found_clear(&estate);
	return ret;
}
