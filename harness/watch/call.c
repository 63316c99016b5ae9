/* SPDX-License-Identifier: MIT */
/*
 * Two stops a call: the seccomp stop before it, the exit stop behind it.
 *
 * close is different. Between the kernel freeing the number and the exit stop another thread may be given it,
 * and the journal would read "accept = 9, close 9". So a close that will succeed (the number is open now) is
 * journalled at the first stop, and there is no second one. A close of a number that is not open takes the
 * long way.
 */
#include "watch/call.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "watch/arch.h"
#include "watch/deliver.h"
#include "watch/memory.h"

static struct decoding decoding_of(struct tracer *tracer, struct tracee *tracee, struct event *event)
{
	return (struct decoding){
	    .tid = tracee->tid,
	    .pidfd = tracee->process->pidfd,
	    .seen = tracer->seen,
	    .accepted = event->what == CALL_close && fds_accepted(tracee->fds, (int32_t)tracee->state.arg[0]),
	    .state = &tracee->state,
	    .scratch = &tracer->scratch,
	    .event = event,
	};
}

void call_finish(struct tracer *tracer, struct tracee *tracee, int64_t ret, uint16_t flags)
{
	const struct row *row = tracee->state.row;
	struct event event = tracer_event(tracee, EV_CALL, row->call);
	struct decoding decoding = decoding_of(tracer, tracee, &event);

	event.ret = ret;
	event.flags = flags;
	row_fill(&tracee->state, &event);
	if (row->leave)
		row->leave(&decoding);
	agent_watch_numbers(tracer->agent, tracee, &event);
	fds_follow(tracee->fds, &event);
	tracer_append(tracer, &event);
	rings_follow(tracer, tracee, &event);
}

void call_settle(struct tracer *tracer, struct tracee *tracee, uint16_t flags)
{
	tracee->interrupted = 0;
	if (!(flags & EVF_RESTART))
		tracee->resumes = false;
	if (tracee->state.row)
		call_finish(tracer, tracee, -EINTR, flags);
}

/* Handler and flags are the first members of the kernel's sigaction. A call that fails changes nothing, and
 * is rare. */
static void note_sigaction(struct tracee *tracee, const uint64_t *arg)
{
	uint64_t action[2], bit = (int)arg[0] > 0 && (int)arg[0] <= 64 ? 1ULL << ((int)arg[0] - 1) : 0;
	struct process *process = tracee->process;

	if (!bit || !arg[1] || !memory_get(tracee->tid, arg[1], action, sizeof action))
		return;
	process->handled &= ~bit;
	process->restarts &= ~bit;
	if (action[0] == (uintptr_t)SIG_DFL || action[0] == (uintptr_t)SIG_IGN)
		return;
	process->handled |= bit;
	if (action[1] & SA_RESTART)
		process->restarts |= bit;
}

/* A filter of the target's own, unless it only asks whether there could be one. */
static void note_seccomp(struct tracer *tracer, const struct tracee *tracee,
			 const struct __ptrace_syscall_info *info)
{
	const uint64_t *arg = info->seccomp.args;
	uint64_t mode = arg[1], program = arg[2];

	if (info->seccomp.nr == __NR_seccomp) {
		if (arg[0] != SECCOMP_SET_MODE_STRICT && arg[0] != SECCOMP_SET_MODE_FILTER)
			return;
		mode = arg[0] == SECCOMP_SET_MODE_STRICT ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER;
	} else if (arg[0] != PR_SET_SECCOMP) {
		return;
	}
	if (mode == SECCOMP_MODE_STRICT || program)
		agent_sandboxed(tracer, tracee);
}

static void note_foreign(struct tracer *tracer, struct tracee *tracee)
{
	if (tracee->process->foreign)
		return;
	tracee->process->foreign = true;
	if (journal_mark(tracer->watcher->journal, MARK_NOTE,
			 "process %d makes calls of another architecture: counted, not decoded",
			 tracee->process->pid) < 0)
		watcher_broke(tracer->watcher, -ENOMEM, "the journal cannot be written");
}

/* restart_syscall goes on with an interrupted call: ours, or, when the filter let that pass, one unseen. */
static bool resumes(struct tracee *tracee)
{
	bool ours = tracee->resumes && tracee->state.row;

	tracee->resumes = false;
	return ours;
}

const struct row *call_identify(struct tracer *tracer, struct tracee *tracee,
				const struct __ptrace_syscall_info *info)
{
	uint64_t number = info->seccomp.nr;
	const struct row *row = NULL;

	if (info->arch == ARCH_AUDIT && number < NUMBER_END)
		row = tracer->rows.row[number];
	else
		note_foreign(tracer, tracee);
	if (!row)
		row = &row_unknown;
	if (row->kind == ROW_RESTART)
		return resumes(tracee) ? tracee->state.row : NULL;
	if (row->kind == ROW_SIGACTION || row->kind == ROW_SECCOMP)
		return row;
	tracee->resumes = false;
	tracee->state.row = row;
	tracee->state.number = number;
	for (size_t i = 0; i < 6; i++)
		tracee->state.arg[i] = info->seccomp.args[i];
	if ((row->call == CALL_select || row->call == CALL_pselect6) && !tracee->state.asked)
		tracee->state.asked = malloc(sizeof *tracee->state.asked);
	return row;
}

void call_journal_entry(struct tracer *tracer, struct tracee *tracee)
{
	const struct row *row = tracee->state.row;
	struct event event = tracer_event(tracee, EV_ENTER, row->call);
	struct decoding decoding = decoding_of(tracer, tracee, &event);

	rings_enter(tracer, tracee);
	if (row->enter)
		row->enter(&decoding);
	if (row->kind != ROW_WAIT && !(row->kind == ROW_RING && tracee->state.timeout))
		return;
	row_fill(&tracee->state, &event);
	if (row->kind == ROW_RING) { /* as a wait: for how many, how long */
		event.arg[0] = event.arg[1];
		event.arg[1] = tracee->state.timeout;
		event.arg[2] = 0;
	}
	tracer_append(tracer, &event);
}

/* Whether the number is open: comparing it with itself only fails when it is not. */
static bool is_open(struct tracer *tracer, pid_t tid, int fd)
{
	if (tracer->no_kcmp)
		return false;
	if (syscall(SYS_kcmp, tid, tid, KCMP_FILE, (long)fd, (long)fd) == 0)
		return true;
	tracer->no_kcmp = errno != EBADF && errno != ESRCH;
	return false;
}

static void note_closer(struct tracer *tracer, struct tracee *tracee)
{
	enum call call = tracee->state.row->call;

	if (call_class(call) != CLASS_CLOSE && call != CALL_dup2 && call != CALL_dup3)
		return;
	closers_enter(&tracer->watcher->closers, tracee->tid);
	tracee->closing = true;
}

/* Everything between the entry and letting the kernel do the call. fault: what is to strike it, or NULL. */
static void enter(struct tracer *tracer, struct tracee *tracee, const struct fault *fault)
{
	call_journal_entry(tracer, tracee);
	if (fault && deliver(tracer, tracee, fault))
		return;
	note_closer(tracer, tracee);
	if (tracee->state.row->kind == ROW_CLOSE && is_open(tracer, tracee->tid, (int)tracee->state.arg[0])) {
		call_finish(tracer, tracee, 0, 0);
		return;
	}
	tracee->in_call = true;
}

/* Of a call that is held back nothing is told before it goes on: until then it is not entered. */
static void enter_faulty(struct tracer *tracer, struct tracee *tracee)
{
	struct fault fault;
	bool strikes = deliver_decide(tracer, tracee, &fault);

	if (!strikes || !deliver_delay(tracer, tracee, &fault))
		enter(tracer, tracee, strikes && !fault.delay ? &fault : NULL);
}

void call_go_on(struct tracer *tracer, struct tracee *tracee)
{
	enter(tracer, tracee, NULL);
	tracer_resume(tracer, tracee, 0);
}

/* False when the tracee is dying; a kernel that cannot tell is not watched blindly. */
static bool ask(struct tracer *tracer, pid_t tid, struct __ptrace_syscall_info *info)
{
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof *info, info) > 0)
		return true;
	if (errno != ESRCH)
		watcher_broke(tracer->watcher, -errno, "PTRACE_GET_SYSCALL_INFO, of Linux 5.3, is needed");
	return false;
}

static void entered(struct tracer *tracer, struct tracee *tracee, const struct __ptrace_syscall_info *info)
{
	const struct row *row;

	if (tracee->interrupted)
		call_settle(tracer, tracee, EVF_RESTART);
	row = call_identify(tracer, tracee, info);
	if (row && row->kind == ROW_SIGACTION)
		note_sigaction(tracee, info->seccomp.args);
	else if (row && row->kind == ROW_SECCOMP)
		note_seccomp(tracer, tracee, info);
	else if (row && agent_claimed(tracer, tracee))
		return;
	else if (row && fault_set_armed(tracer->watcher->faults))
		enter_faulty(tracer, tracee);
	else if (row)
		enter(tracer, tracee, NULL);
}

void call_enter(struct tracer *tracer, struct tracee *tracee)
{
	struct __ptrace_syscall_info info;

	/* Before exec the calls are our own. */
	if (tracer->running && ask(tracer, tracee->tid, &info))
		entered(tracer, tracee, &info);
	tracer_resume(tracer, tracee, 0);
}

/* What the filter would let pass: a call without a row. */
static bool is_beside(const struct tracer *tracer, const struct __ptrace_syscall_info *info)
{
	return info->arch == ARCH_AUDIT && info->entry.nr < NUMBER_END && !tracer->rows.row[info->entry.nr];
}

/* Its number and arguments lie where those of a seccomp stop do. */
static void enter_unfiltered(struct tracer *tracer, struct tracee *tracee,
			     const struct __ptrace_syscall_info *info)
{
	tracee->in_call = false;
	if (!is_beside(tracer, info)) {
		entered(tracer, tracee, info);
		return;
	}
	if (tracee->interrupted)
		call_settle(tracer, tracee, EVF_RESTART);
	tracee->resumes = false;
}

static bool is_restart(int64_t ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
	       ret == -ERESTART_RESTARTBLOCK;
}

void call_leave(struct tracer *tracer, struct tracee *tracee, int64_t ret)
{
	uint16_t flags = 0;

	tracee->in_call = false;
	if (tracee->cut) {
		deliver_undo(tracee);
		flags = EVF_SHORTENED;
	}
	tracee->resumes = ret == -ERESTART_RESTARTBLOCK;
	if (is_restart(ret))
		tracee->interrupted = (int)ret;
	else
		call_finish(tracer, tracee, ret, flags);
}

void call_stop(struct tracer *tracer, struct tracee *tracee)
{
	struct __ptrace_syscall_info info;

	if (ask(tracer, tracee->tid, &info)) {
		if (info.op == PTRACE_SYSCALL_INFO_EXIT && tracee->in_call)
			call_leave(tracer, tracee, info.exit.rval);
		else if (info.op == PTRACE_SYSCALL_INFO_ENTRY && tracer->attached)
			enter_unfiltered(tracer, tracee, &info);
	}
	tracer_resume(tracer, tracee, 0);
}
