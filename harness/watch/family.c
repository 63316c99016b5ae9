/* SPDX-License-Identifier: MIT */
#include "watch/family.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>
#include "watch/arch.h"
#include "watch/call.h"
#include "watch/memory.h"
#include "watch/status.h"

#define FLAGS_OF_A_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS)

static unsigned long event_message(pid_t tid)
{
	unsigned long message = 0;

	(void)ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message);
	return message;
}

static bool is_native(pid_t tid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) > 0 && info.arch == ARCH_AUDIT;
}

/* The clone flags of the call the parent stands in, from its registers; ~0 when they cannot be told. */
static uint64_t flags_from_call(pid_t tid)
{
	struct arch_regs regs;
	uint64_t flags;

	if (!is_native(tid) || arch_get(tid, &regs) < 0)
		return UINT64_MAX;
	switch ((long)arch_number(&regs)) {
	case __NR_clone:
		return arch_arg(&regs, 0);
	case __NR_clone3: /* the flags are the first member of struct clone_args */
		return memory_get(tid, arch_arg(&regs, 0), &flags, sizeof flags) ? flags : UINT64_MAX;
	default:
		return UINT64_MAX;
	}
}

/* fork and vfork have none; for the rest, and calls of another architecture, what the kind of event says. */
static uint64_t fork_flags(pid_t tid, pid_t child, int event)
{
	uint64_t flags = flags_from_call(tid);

	if (flags != UINT64_MAX)
		return flags;
	if (event == PTRACE_EVENT_VFORK)
		return CLONE_VM | CLONE_VFORK;
	return event == PTRACE_EVENT_CLONE && status_group(child) != child ? FLAGS_OF_A_THREAD : 0;
}

/*
 * Memory shared, and thread-local memory with it: the agent would take the child for its parent. One of
 * vfork ends that by exec or exit, a thread never.
 */
static void note_shared(struct tracer *tracer, struct tracee *child, uint64_t flags)
{
	if ((flags & CLONE_FILES) && !(flags & CLONE_VM))
		agent_doubt(tracer->agent);
	if (!(flags & CLONE_VM) || (flags & CLONE_SETTLS))
		return;
	agent_mute(tracer->agent, 1);
	if (!(flags & CLONE_THREAD))
		child->process->mutes = true;
}

void family_adopt(struct tracer *tracer, struct tracee *parent, struct tracee *child, uint64_t flags)
{
	struct event event;
	int status = child->held;

	if (tracee_settle(tracer, child, parent, flags & CLONE_THREAD, flags & CLONE_FILES) < 0) {
		watcher_broke(tracer->watcher, -ENOMEM, "no memory for a new thread of the target");
		tracer_refuse(tracer, child->tid);
		return;
	}
	note_shared(tracer, child, flags);
	if (parent) {
		event = tracer_event(parent, EV_PROC, PROC_FORK);
		event.arg[0] = (uint64_t)child->tid;
		event.arg[1] = flags;
		tracer_append(tracer, &event);
	}
	if (child->dead) {
		family_exit(tracer, child->tid, status);
	} else if (status) {
		child->held = 0;
		tracer->held--;
		status_handle(tracer, child, status);
	}
}

/* Without its parent's event: by what /proc says. Less exact (which thread of the parent, vfork), but nothing
 * waits for ever. */
static void adopt_alone(struct tracer *tracer, struct tracee *child)
{
	pid_t group = status_group(child->tid), origin = status_origin(child->tid);
	struct tracee *parent = tracee_find(tracer, origin);

	if (!parent || !parent->process)
		parent = tracee_find(tracer, tracer->first);
	if (parent && !parent->process)
		parent = NULL;
	family_adopt(tracer, parent, child, group != child->tid && parent ? FLAGS_OF_A_THREAD : 0);
}

void family_hold(struct tracer *tracer, pid_t tid, int status)
{
	struct tracee *child = tracee_find(tracer, tid), *parent;

	if (!child)
		child = tracee_add(tracer, tid);
	if (!child) {
		watcher_broke(tracer->watcher, -ENOMEM, "no memory for a new thread of the target");
		tracer_refuse(tracer, tid);
		return;
	}
	child->held = status;
	child->dead = false;
	tracer->held++;
	parent = tracee_find(tracer, status_origin(tid));
	if (!parent || !parent->process)
		adopt_alone(tracer, child);
}

void family_fork(struct tracer *tracer, struct tracee *tracee, int event)
{
	pid_t tid = (pid_t)event_message(tracee->tid);
	struct tracee *child = tid ? tracee_find(tracer, tid) : NULL;

	if (tid && !child)
		child = tracee_add(tracer, tid);
	if (tid && !child)
		watcher_broke(tracer->watcher, -ENOMEM, "no memory for a new thread of the target");
	if (child && !child->process)
		family_adopt(tracer, tracee, child, fork_flags(tracee->tid, tid, event));
	tracer_resume(tracer, tracee, 0);
}

/* A thread other than the leader called exec: it goes on under the leader's number, the leader is gone
 * without a word. */
static struct tracee *take_leader(struct tracer *tracer, pid_t tid, pid_t former)
{
	struct tracee *caller = tracee_find(tracer, former), *leader = tracee_find(tracer, tid);
	struct fds *fds;

	if (!caller || former == tid || !caller->process)
		return leader;
	if (tracer->running) {
		struct event event = tracer_event(caller, EV_PROC, PROC_EXIT);

		tracer_append(tracer, &event);
	}
	if (!leader) {
		leader = tracee_add(tracer, tid);
		if (!leader)
			return NULL;
	}
	if (!leader->process) {
		leader->process = caller->process;
		leader->process->threads++;
	}
	fds = leader->fds;
	leader->fds = caller->fds;
	caller->fds = fds;
	(void)tracee_unsettle(tracer, caller, 0);
	tracee_remove(tracer, caller);
	return leader;
}

/* exec ends the sharing of fds and every handler. */
static void renew(struct tracer *tracer, struct tracee *tracee)
{
	struct fds *own = fds_inherit(tracee->fds, false);

	if (own) {
		fds_free(tracee->fds);
		tracee->fds = own;
	} else {
		watcher_broke(tracer->watcher, -ENOMEM, "no memory for the fds of the target");
	}
	agent_release(tracer->agent, tracee);
	tracee_unmute(tracer, tracee->process);
	tracee->process->handled = tracee->process->restarts = 0;
	tracee->process->foreign = tracee->process->claimed = false;
	tracee->process->stops = 0;
	tracee->in_call = tracee->cut = tracee->resumes = false;
	tracee->interrupted = 0;
	tracee->held_until = 0;
	tracee->state.row = NULL;
}

static void journal_exec(struct tracer *tracer, const struct tracee *tracee)
{
	struct event event = tracer_event(tracee, EV_PROC, PROC_EXEC);
	char link[32], path[PATH_MAX];
	ssize_t size;

	snprintf(link, sizeof link, "/proc/%d/exe", tracee->tid);
	size = readlink(link, path, sizeof path - 1);
	path[size > 0 ? size : 0] = '\0';
	event.data = path;
	event.size = (uint32_t)(size > 0 ? size : 0) + 1;
	tracer_append(tracer, &event);
}

struct tracee *family_become(struct tracer *tracer, pid_t tid, pid_t former)
{
	struct tracee *tracee = take_leader(tracer, tid, former);

	if (!tracee || !tracee->process) {
		watcher_broke(tracer->watcher, -ENOMEM, "no memory for a thread of the target");
		return NULL;
	}
	rings_leave(tracer, tracee, true);
	renew(tracer, tracee);
	if (!tracer->running && tracer->attached)
		return tracee; /* it is learnt as it is then */
	if (!tracer->running) {
		struct event event = tracer_event(tracee, EV_PROC, PROC_START);

		tracer->running = true;
		tracer_append(tracer, &event);
		journal_exec(tracer, tracee);
		watcher_launched(tracer->watcher, tid);
	} else {
		journal_exec(tracer, tracee);
	}
	return tracee;
}

void family_exec(struct tracer *tracer, pid_t tid)
{
	struct tracee *tracee = family_become(tracer, tid, (pid_t)event_message(tid));

	if (tracee) {
		agent_exec(tracer, tracee);
		tracer_resume(tracer, tracee, 0);
	} else {
		tracer_refuse(tracer, tid);
	}
}

/* A thread ended; should it have forked before and not said so yet, it never will. */
static void adopt_held(struct tracer *tracer)
{
	struct tracee *tracee;
	uint64_t tid;

	while (tracer->held) {
		size_t at = 0;

		while ((tracee = map_next(&tracer->tracees, &at, &tid)))
			if (!tracee->process && tracee->held && !tracee->dead)
				break;
		if (!tracee)
			return;
		adopt_alone(tracer, tracee);
	}
}

void family_exit(struct tracer *tracer, pid_t tid, int status)
{
	struct tracee *tracee = tracee_find(tracer, tid);
	struct event event;

	if (!tracee)
		tracee = tracee_add(tracer, tid);
	if (!tracee)
		return;
	if (!tracee->process) { /* its parent's event is still to come */
		if (tracee->held && !tracee->dead)
			tracer->held--;
		tracee->held = status;
		tracee->dead = true;
		return;
	}
	if (tracee->interrupted)
		call_settle(tracer, tracee, EVF_RESTART);
	rings_leave(tracer, tracee, tracee->process->threads == 1);
	event = tracer_event(tracee, EV_PROC, PROC_EXIT);
	event.ret = status;
	event.arg[0] = tracee->process->threads == 1;
	if (tracer->running)
		tracer_append(tracer, &event);
	(void)tracee_unsettle(tracer, tracee, status);
	tracee_remove(tracer, tracee);
	adopt_held(tracer);
}

/* Whether the call that this signal interrupted is seen by the target as EINTR: only when a handler runs, and
 * then it depends. */
static bool restarts(const struct process *process, int signo, int code)
{
	if (code == -ERESTARTNOINTR)
		return true;
	return code == -ERESTARTSYS && process->restarts >> (signo - 1) & 1;
}

void family_tell_signal(struct tracer *tracer, struct tracee *tracee, int signo)
{
	struct process *process = tracee->process;
	struct event event;

	if (tracee->interrupted && process->handled >> (signo - 1) & 1)
		call_settle(tracer, tracee, restarts(process, signo, tracee->interrupted) ? EVF_RESTART : 0);
	event = tracer_event(tracee, EV_PROC, PROC_SIGNAL);
	event.ret = signo;
	if (tracer->running)
		tracer_append(tracer, &event);
}

void family_signal(struct tracer *tracer, struct tracee *tracee, int signo)
{
	if (tracer->agent)
		agent_interrupted(tracer, tracee, signo);
	family_tell_signal(tracer, tracee, signo);
	tracer_resume(tracer, tracee, signo);
}
