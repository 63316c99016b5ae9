/* SPDX-License-Identifier: MIT */
/* The tracer's tables: threads, their processes, their fd tables. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include "watch/tracer.h"

void tracer_append(struct tracer *tracer, const struct event *event)
{
	struct event timed = *event;
	int ret;

	if (!timed.at)
		timed.at = tracer->at;
	ret = journal_append(tracer->watcher->journal, &timed);
	if (ret < 0)
		watcher_broke(tracer->watcher, ret, "the journal cannot be written");
}

struct event tracer_event(const struct tracee *tracee, enum event_kind kind, uint32_t what)
{
	struct event event = event_make(kind, what);

	event.pid = tracee->process->pid;
	event.tid = tracee->tid;
	return event;
}

void tracer_resume(struct tracer *tracer, struct tracee *tracee, int signo)
{
	bool stopping = atomic_load_explicit(&tracer->watcher->stopping, memory_order_relaxed);
	bool all = tracer->attached && !stopping;
	enum __ptrace_request how =
	    all || (tracee->in_call && !tracer->attached) ? PTRACE_SYSCALL : PTRACE_CONT;

	if (stopping && !tracer->attached)
		(void)kill(tracee->process ? tracee->process->pid : tracee->tid, SIGKILL);
	if (tracee->held_until)
		return;
	/* ESRCH: it was killed meanwhile; its end is reported by the next wait. */
	(void)ptrace(how, tracee->tid, NULL, (void *)(long)signo);
}

struct tracee *tracee_find(struct tracer *tracer, pid_t tid)
{
	if (!tracer->last || tracer->last->tid != tid)
		tracer->last = map_get(&tracer->tracees, (uint64_t)tid);
	return tracer->last;
}

struct tracee *tracee_add(struct tracer *tracer, pid_t tid)
{
	struct tracee *tracee = calloc(1, sizeof *tracee);

	if (!tracee)
		return NULL;
	tracee->tid = tid;
	if (map_put(&tracer->tracees, (uint64_t)tid, tracee) < 0) {
		free(tracee);
		return NULL;
	}
	return tracee;
}

static void tracee_free(struct tracer *tracer, struct tracee *tracee)
{
	agent_release(tracer->agent, tracee);
	fds_free(tracee->fds);
	free(tracee->state.asked);
	free(tracee);
}

void tracee_remove(struct tracer *tracer, struct tracee *tracee)
{
	if (tracer->last == tracee)
		tracer->last = NULL;
	(void)map_remove(&tracer->tracees, (uint64_t)tracee->tid);
	tracee_free(tracer, tracee);
}

void tracee_unmute(struct tracer *tracer, struct process *process)
{
	if (process->mutes)
		agent_mute(tracer->agent, -1);
	process->mutes = false;
}

static struct process *process_new(struct tracer *tracer, pid_t pid, const struct process *parent)
{
	struct process *process = calloc(1, sizeof *process);

	if (!process)
		return NULL;
	process->pid = pid;
	if (parent) {
		process->handled = parent->handled;
		process->restarts = parent->restarts;
		process->foreign = parent->foreign;
	}
	agent_born(tracer->agent);
	if (watcher_join(tracer->watcher, pid, &process->pidfd) < 0) {
		free(process);
		return NULL;
	}
	return process;
}

int tracee_settle(struct tracer *tracer, struct tracee *tracee, const struct tracee *parent, bool thread,
		  bool share_fds)
{
	struct process *process;

	tracee->fds = parent ? fds_inherit(parent->fds, share_fds) : fds_new();
	if (!tracee->fds)
		return -ENOMEM;
	if (thread && parent)
		process = parent->process;
	else
		process = process_new(tracer, tracee->tid, parent ? parent->process : NULL);
	if (!process)
		return -ENOMEM;
	process->threads++;
	tracee->process = process;
	return 0;
}

bool tracee_unsettle(struct tracer *tracer, struct tracee *tracee, int status)
{
	struct process *process = tracee->process;

	tracee->process = NULL;
	if (--process->threads)
		return false;
	tracee_unmute(tracer, process);
	watcher_leave(tracer->watcher, process->pid, status);
	free(process);
	return true;
}

void tracer_refuse(struct tracer *tracer, pid_t tid)
{
	if (tracer->attached) {
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return;
	}
	(void)kill(tid, SIGKILL);
	(void)ptrace(PTRACE_CONT, tid, NULL, NULL);
}

void tracer_clear(struct tracer *tracer)
{
	struct tracee *tracee;
	uint64_t tid;
	size_t at = 0;

	while ((tracee = map_next(&tracer->tracees, &at, &tid))) {
		if (tracee->process)
			(void)tracee_unsettle(tracer, tracee, 0);
		tracee_free(tracer, tracee);
	}
	map_free(&tracer->tracees);
}
