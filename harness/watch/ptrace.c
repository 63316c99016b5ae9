/* SPDX-License-Identifier: MIT */
/*
 * Watching by ptrace: one thread forks the target, seizes it before it runs, and then loops in wait.
 *
 *     wait ─► seccomp stop   call_enter    (maybe a fault)
 *             exit stop      call_exit     ─► journal
 *             event stop     family_fork, family_exec
 *             signal         family_signal
 *             end            family_exit
 *          ◄─ resume
 *
 * A call that a fault holds back stays in its first stop until hold_release. The seccomp filter lets every
 * call that has no row pass at full speed. When this thread dies, the kernel kills the target
 * (PTRACE_O_EXITKILL).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agent/share.h"
#include "watch/family.h"
#include "watch/filter.h"
#include "watch/hold.h"
#include "watch/spawn.h"
#include "watch/status.h"
#include "watch/tracer.h"

#define TRACE_OPTIONS                                                                                        \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |              \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)

static void handle_stop(struct tracer *tracer, pid_t tid, int status)
{
	struct tracee *tracee = tracee_find(tracer, tid);
	int ret = rings_sample(tracer->watcher->rings, true);

	if (ret < 0)
		watcher_broke(tracer->watcher, ret, "the journal cannot be written");
	if (tracee && tracee->closing)
		closers_leave(&tracer->watcher->closers, tid);
	if (tracee)
		tracee->closing = false;
	if (!WIFSTOPPED(status))
		family_exit(tracer, tid, status);
	else if (status >> 16 == PTRACE_EVENT_EXEC)
		family_exec(tracer, tid);
	else if (tracee && tracee->process)
		status_handle(tracer, tracee, status);
	else
		family_hold(tracer, tid, status);
}

/* What the threads told the agent came before this stop. */
void tracer_handle(struct tracer *tracer, pid_t tid, int status)
{
	if (!tracer->agent) {
		handle_stop(tracer, tid, status);
		return;
	}
	pthread_mutex_lock(&tracer->lock);
	(void)agent_collect(tracer, UINT64_MAX);
	handle_stop(tracer, tid, status);
	pthread_mutex_unlock(&tracer->lock);
}

static void release(struct tracer *tracer)
{
	if (!tracer->holds)
		return;
	if (tracer->agent)
		pthread_mutex_lock(&tracer->lock);
	hold_release(tracer);
	if (tracer->agent)
		pthread_mutex_unlock(&tracer->lock);
}

void tracer_loop(struct tracer *tracer)
{
	while (!tracer->attached || !atomic_load(&tracer->watcher->stopping)) {
		int status;
		pid_t tid = hold_wait(tracer, &status);

		if (tid > 0)
			tracer_handle(tracer, tid, status);
		else if (errno != EINTR)
			return;
		release(tracer);
	}
}

/* The child exists and waits; from here on it is traced. Kills it on failure: it is reaped by the loop or at
 * once. */
static int seize(struct tracer *tracer, pid_t child)
{
	struct tracee *tracee;

	if (ptrace(PTRACE_SEIZE, child, NULL, (void *)(long)TRACE_OPTIONS) < 0) {
		int code = -errno;

		watcher_refused(tracer->watcher, code, "ptrace is refused here: %s", strerror(-code));
		return code;
	}
	tracer->first = child;
	tracee = tracee_add(tracer, child);
	if (!tracee || tracee_settle(tracer, tracee, NULL, false, false) < 0) {
		watcher_refused(tracer->watcher, -ENOMEM, "no memory for the target's first process");
		return -ENOMEM;
	}
	return 0;
}

/* Forks and seizes. The child goes on when it is released, or ends with the pipe. */
static int launch(struct tracer *tracer, struct spawn *spawn)
{
	pid_t child = fork();
	int ret;

	if (child == 0)
		spawn_child(spawn);
	if (child < 0) {
		ret = -errno;
		watcher_refused(tracer->watcher, ret, "cannot fork: %s", strerror(-ret));
		return ret;
	}
	ret = seize(tracer, child);
	if (ret < 0) {
		spawn_close(spawn);
		tracer_loop(tracer);
		return ret;
	}
	spawn_release(spawn);
	return 0;
}

static void trace(struct tracer *tracer, const struct filter *filter)
{
	struct spawn spawn;
	char text[ERROR_TEXT];
	int ret = spawn_open(&spawn, tracer->target, &filter->program);

	if (ret < 0)
		watcher_refused(tracer->watcher, ret, "no pipe for the target's start: %s", strerror(-ret));
	else if (launch(tracer, &spawn) == 0) {
		tracer_loop(tracer);
		/* Too late for a launch that succeeded, and then without effect. */
		ret = tracer->running ? 0 : spawn_result(&spawn, text, sizeof text);
		watcher_refused(tracer->watcher, ret < 0 ? ret : -ECHILD, "%s",
				ret < 0 ? text : "the target was killed before it started");
	}
	spawn_close(&spawn);
}

/* The other thread is there for as long as there are tracees, and reads what they tell the agent. */
static void trace_beside(struct tracer *tracer, const struct filter *filter, void *(*beside)(void *))
{
	pthread_t thread;
	int ret;

	if (!tracer->agent) {
		trace(tracer, filter);
		return;
	}
	pthread_mutex_init(&tracer->lock, NULL);
	ret = pthread_create(&thread, NULL, beside, tracer);
	if (ret) {
		watcher_refused(tracer->watcher, -ret, "no thread for the agent: %s", strerror(ret));
	} else {
		trace(tracer, filter);
		agent_wake(tracer->agent);
		pthread_join(thread, NULL);
	}
	pthread_mutex_destroy(&tracer->lock);
}

void tracer_run(struct watcher *watcher, const struct watch_target *target, struct agent *agent,
		void *(*beside)(void *))
{
	struct tracer *tracer = calloc(1, sizeof *tracer);
	struct filter *filter = calloc(1, sizeof *filter);

	if (tracer && filter) {
		tracer->watcher = watcher;
		tracer->target = target;
		tracer->agent = agent;
		/* What goes by the agent does not stop. */
		atomic_store(&watcher->closers.known, !agent);
		row_index_build(&tracer->rows);
		filter_build(filter, &tracer->rows, agent ? AGENT_STUB_AFTER : 0);
		trace_beside(tracer, filter, beside);
		holds_free(tracer->holds);
		tracer_clear(tracer);
	} else {
		watcher_refused(watcher, -ENOMEM, "no memory for the tracer");
	}
	free(filter);
	free(tracer);
}

static void *trace_main(void *arg)
{
	struct watcher *watcher = arg;

	tracer_run(watcher, watcher->target, NULL, NULL);
	watcher_over(watcher);
	return NULL;
}

static int ptrace_start(struct watcher *watcher, struct error *error)
{
	return watcher_run(watcher, trace_main, error);
}

const struct watch_ops watch_ptrace = {
    .name = "ptrace",
    .doc = "stops at each call that matters; works anywhere, delivers faults",
    .start = ptrace_start,
    .stop = watcher_kill,
};
