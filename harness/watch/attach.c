/* SPDX-License-Identifier: MIT */
/*
 * Watching what runs already, by ptrace: a process and all below it.
 *
 *     sweep     every thread is seized and asked to stop, until a look at /proc finds no new one
 *     learn     while all stand still: processes, fds, interest lists become EV_FOUND
 *     release   each goes on from where it stood (again.h), and the loop is that of ptrace.c
 *
 * No filter can be put into a process from outside, so every call stops twice: this costs the server more
 * than starting it under wringer does.
 *
 *     let go    stops are answered without asking for more, until none comes; then the thread ends
 *
 * Letting go takes no PTRACE_DETACH, which would have to stop, and so to interrupt, each of them once more:
 * when the thread that traces ends, the kernel takes its hands off all tracees as they are, running or
 * asleep. Only one that stands at the entry of a call then would be kicked out of its stop as if by a signal,
 * and find EINTR behind it: hence no stop may be left. No signal is in our hands either. Should wringer be
 * killed, the server runs on as well.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "watch/family.h"
#include "watch/learn.h"
#include "watch/refusal.h"
#include "watch/status.h"
#include "watch/tree.h"

#define ATTACH_OPTIONS                                                                                       \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |               \
	 PTRACE_O_TRACESYSGOOD)
#define SWEEPS		 16
#define STOP_PATIENCE_MS 300 /* one that sits in the disk or a vfork stops when it comes out */
#define LEAVE_QUIET_MS	 20
#define LEAVE_MOST	 NS_PER_S
/* Wakes the thread out of its wait. Ignored by default, and no part of what cli/ takes. */
#define LEAVE_SIGNAL SIGURG

struct spotted {
	pid_t pid, tid;
};

struct attach {
	struct tracer tracer;
	struct spotted *spotted;
	size_t count, capacity;
};

static bool is_spotted(const struct attach *attach, pid_t tid)
{
	for (size_t i = 0; i < attach->count; i++)
		if (attach->spotted[i].tid == tid)
			return true;
	return false;
}

/* What a thread that we trace already clones is ours from its first moment, and stops by itself. */
static int seize(struct attach *attach, pid_t tid)
{
	struct tracee *tracee;
	bool ours = false;

	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(long)ATTACH_OPTIONS) < 0) {
		int code = -errno;

		ours = status_tracer(tid) == (int)syscall(SYS_gettid);
		if (!ours)
			return code;
	}
	tracee = tracee_find(&attach->tracer, tid);
	if (!tracee)
		tracee = tracee_add(&attach->tracer, tid);
	if (!tracee)
		return -ENOMEM;
	if (!ours) {
		tracee->poked = true;
		(void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	}
	return 0;
}

/* 1 when it is new. One that ends meanwhile, or a child that may not be touched, is left out. */
static int spot(struct attach *attach, pid_t pid, pid_t tid)
{
	struct spotted *grown;
	int ret;

	if (is_spotted(attach, tid))
		return 0;
	ret = seize(attach, tid);
	if (ret == -ENOMEM || (ret < 0 && tid == attach->tracer.first))
		return ret;
	if (ret < 0)
		return 0;
	grown = array_grow(attach->spotted, attach->count, &attach->capacity, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	attach->spotted = grown;
	grown[attach->count++] = (struct spotted){pid, tid};
	return 1;
}

/* How many new threads, or a negative errno. */
static int sweep_process(struct attach *attach, pid_t pid)
{
	char path[40];
	struct dirent *entry;
	int found = 0, ret = 0;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return pid == attach->tracer.first ? -ESRCH : 0;
	while (ret >= 0 && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		ret = spot(attach, pid, atoi(entry->d_name));
		found += ret > 0;
	}
	closedir(tasks);
	return ret < 0 ? ret : found;
}

static int sweep(struct attach *attach)
{
	pid_t pids[TREE_MAX];
	int found = sweep_process(attach, attach->tracer.first);
	size_t count = found < 0 ? 0 : tree_below(attach->tracer.first, pids, TREE_MAX);

	for (size_t i = 0; i < count && found >= 0; i++) {
		int more = sweep_process(attach, pids[i]);

		found = more < 0 ? more : found + more;
	}
	return found;
}

static bool all_stand(struct attach *attach)
{
	struct tracee *tracee;
	uint64_t tid;
	size_t at = 0;

	while ((tracee = map_next(&attach->tracer.tracees, &at, &tid)))
		if (!tracee->held)
			return false;
	return true;
}

/* Keeps the stop of each for later; waits a moment for those that take their time. */
static int collect(struct attach *attach)
{
	static const struct timespec moment = {.tv_nsec = 1000000};

	for (int waited = 0; waited < STOP_PATIENCE_MS && !all_stand(attach);) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | WNOHANG);
		struct tracee *tracee;

		if (tid <= 0) {
			waited++;
			(void)nanosleep(&moment, NULL);
			continue;
		}
		tracee = tracee_find(&attach->tracer, tid);
		if (!tracee)
			tracee = tracee_add(&attach->tracer, tid);
		if (!tracee)
			return -ENOMEM;
		tracee->held = status;
		tracee->dead = !WIFSTOPPED(status);
	}
	return 0;
}

static int freeze(struct attach *attach)
{
	for (int i = 0; i < SWEEPS; i++) {
		int found = sweep(attach), ret = found < 0 ? found : collect(attach);

		if (ret < 0)
			return ret;
		if (!found)
			break;
	}
	return 0;
}

/* Which signals have handlers is told, whether those restart calls is not: then nobody is blamed for an EINTR
 * that a restart may have spared. */
static void learn_handlers(struct process *process)
{
	process->handled = process->restarts = status_handled(process->pid);
}

static int settle_thread(struct attach *attach, const struct spotted *spotted)
{
	struct tracer *tracer = &attach->tracer;
	struct tracee *tracee = tracee_find(tracer, spotted->tid);
	struct tracee *leader = spotted->tid == spotted->pid ? NULL : tracee_find(tracer, spotted->pid);
	int ret;

	if (!tracee || tracee->process || (spotted->tid != spotted->pid && !(leader && leader->process)))
		return 0;
	ret = tracee_settle(tracer, tracee, leader, leader != NULL, leader != NULL);
	if (ret < 0)
		return ret;
	if (!leader)
		learn_handlers(tracee->process);
	return 0;
}

/* Leaders before their threads. */
static int settle(struct attach *attach)
{
	int ret = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; ret == 0 && i < attach->count; i++)
			if ((attach->spotted[i].tid == attach->spotted[i].pid) == (pass == 0))
				ret = settle_thread(attach, &attach->spotted[i]);
	return ret;
}

/* The processes, in the order in which they were found: parents first. */
static int learn(struct attach *attach)
{
	pid_t *pids = calloc(attach->count + 1, sizeof *pids);
	size_t count = 0;
	int ret;

	if (!pids)
		return -ENOMEM;
	for (size_t i = 0; i < attach->count; i++)
		if (attach->spotted[i].tid == attach->spotted[i].pid)
			pids[count++] = attach->spotted[i].pid;
	ret = learn_family(&attach->tracer, pids, count,
			   "every call stops it, so it runs slower than it would");
	free(pids);
	return ret;
}

static void release_one(struct attach *attach, pid_t tid)
{
	struct tracee *tracee = tracee_find(&attach->tracer, tid);
	int status = tracee ? tracee->held : 0;

	if (!tracee || (!status && tracee->process))
		return; /* gone, or not stopped yet */
	tracee->held = 0;
	if (!tracee->process) { /* its leader is gone, or could not be seized */
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
		tracee_remove(&attach->tracer, tracee);
	} else if (tracee->dead) {
		family_exit(&attach->tracer, tid, status);
	} else {
		status_handle(&attach->tracer, tracee, status);
	}
}

static void release(struct attach *attach)
{
	for (size_t i = 0; i < attach->count; i++)
		release_one(attach, attach->spotted[i].tid);
}

/* Until the stops asked for earlier have all come. Those asleep in a call come out of it later, in peace. */
static void drain_stops(struct tracer *tracer)
{
	static const struct timespec moment = {.tv_nsec = 1000000};
	uint64_t until = clock_now() + LEAVE_MOST;

	for (int quiet = 0; quiet < LEAVE_QUIET_MS && clock_now() < until;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | WNOHANG);

		if (tid < 0)
			return;
		if (tid > 0) {
			tracer_handle(tracer, tid, status);
			quiet = 0;
			continue;
		}
		quiet++;
		(void)nanosleep(&moment, NULL);
	}
}

/* A thread that stopped before its parent's fork event came goes with the others. */
static void let_go_of_held(struct tracer *tracer)
{
	struct tracee *tracee;
	uint64_t tid;
	size_t at = 0;

	while ((tracee = map_next(&tracer->tracees, &at, &tid)))
		if (tracee->held && !tracee->dead)
			(void)ptrace(PTRACE_DETACH, tracee->tid, NULL, NULL);
}

static void watch(struct attach *attach)
{
	struct watcher *watcher = attach->tracer.watcher;
	char text[ERROR_TEXT];
	int ret = freeze(attach);

	ret = ret ? ret : settle(attach);
	if (ret < 0) {
		refusal_explain(attach->tracer.first, ret, text, sizeof text);
		watcher_refused(watcher, ret, "%s", text);
		return; /* the thread ends: what was seized goes on */
	}
	/* From here on somebody drains the journal. */
	watcher_launched(watcher, attach->tracer.first);
	attach->tracer.running = true;
	ret = learn(attach);
	if (ret < 0)
		watcher_broke(watcher, ret, "what the server has cannot be learnt");
	release(attach);
	tracer_loop(&attach->tracer);
	drain_stops(&attach->tracer);
	let_go_of_held(&attach->tracer);
}

static void *attach_main(void *arg)
{
	struct watcher *watcher = arg;
	struct attach *attach = calloc(1, sizeof *attach);
	sigset_t leave;

	if (!attach) {
		watcher_refused(watcher, -ENOMEM, "no memory for the tracer");
		watcher_over(watcher);
		return NULL;
	}
	sigemptyset(&leave);
	sigaddset(&leave, LEAVE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &leave, NULL);
	attach->tracer.watcher = watcher;
	attach->tracer.first = watcher->target->attach;
	attach->tracer.attached = true;
	row_index_build(&attach->tracer.rows);
	atomic_store(&watcher->closers.known, true);
	watch(attach);
	tracer_clear(&attach->tracer);
	free(attach->spotted);
	free(attach);
	watcher_over(watcher);
	return NULL;
}

static void on_leave(int signo)
{
	(void)signo; /* it only has to end waitpid */
}

static int attach_start(struct watcher *watcher, struct error *error)
{
	const struct sigaction action = {.sa_handler = on_leave};
	char text[ERROR_TEXT];
	int ret = refusal_foresee(watcher->target->attach, text, sizeof text);

	if (ret < 0)
		return error_set(error, ret, "%s", text);
	(void)sigaction(LEAVE_SIGNAL, &action, NULL);
	return watcher_run(watcher, attach_main, error);
}

/* Should it come just before the thread begins to wait, it is missed: whoever joins the thread calls this
 * again and again. */
static void attach_stop(struct watcher *watcher)
{
	atomic_store(&watcher->stopping, true);
	(void)pthread_kill(watcher->thread, LEAVE_SIGNAL);
}

const struct watch_ops watch_attach = {
    .name = "ptrace",
    .doc = "attaches to what runs already",
    .start = attach_start,
    .stop = attach_stop,
};
