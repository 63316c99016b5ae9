/* SPDX-License-Identifier: MIT */
#include "watch/sighting.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include "base/clock.h"
#include "watch/arch.h"
#include "watch/call.h"
#include "watch/family.h"

/*
 * A target that spins would fill the journal, and the disk, before it is judged, and nobody can make it wait.
 * Of a long row of calls that achieve nothing only so many are taken; the others count as lost. More than any
 * honest loop has, and by then it has spun long enough to be found out.
 */
#define FUTILE_MOST    4000
#define FUTILE_SPINS   2000
#define FUTILE_A_MOVE  64
#define SPIN_RECORD_NS 32000
#define SPIN_BURST_NS  (64 * NS_PER_MS)
#define SHED_TOLD_NS   (100 * NS_PER_MS)

static void out_of_memory(struct tracer *tracer)
{
	watcher_broke(tracer->watcher, -ENOMEM, "no memory for a thread of the target");
}

/* A thread of which nothing was told: the first one, or one whose birth was lost. */
static struct tracee *meet(struct tracer *tracer, pid_t pid, pid_t tid)
{
	struct tracee *leader = tid == pid ? NULL : tracee_find(tracer, pid);
	struct tracee *tracee = tracee_add(tracer, tid);
	bool thread = leader && leader->process;

	if (tracee && tracee_settle(tracer, tracee, thread ? leader : NULL, thread, thread) == 0)
		return tracee;
	if (tracee)
		tracee_remove(tracer, tracee);
	out_of_memory(tracer);
	return NULL;
}

/* Under exec a thread takes the number of its process's first one, which has ended. */
static struct tracee *who(struct tracer *tracer, const struct sight *sight)
{
	pid_t tid = (pid_t)(sight->kind == SIGHT_EXEC ? sight->arg[0] : sight->tid);
	struct tracee *tracee = tracee_find(tracer, tid);

	return tracee ? tracee : meet(tracer, (pid_t)sight->pid, tid);
}

/* As a stop of the same call would tell of it. */
static struct __ptrace_syscall_info info_of(const struct sight *sight)
{
	struct __ptrace_syscall_info info = {.arch = sight->flags & SIGHT_FOREIGN ? 0 : ARCH_AUDIT};

	info.seccomp.nr = sight->number;
	for (size_t i = 0; i < 6; i++)
		info.seccomp.args[i] = sight->arg[i];
	return info;
}

static const struct row *identify(struct tracer *tracer, struct tracee *tracee, const struct sight *sight)
{
	const struct __ptrace_syscall_info info = info_of(sight);

	if (tracee->interrupted)
		call_settle(tracer, tracee, EVF_RESTART);
	return call_identify(tracer, tracee, &info);
}

static void enter(struct tracer *tracer, struct tracee *tracee, const struct sight *sight)
{
	tracee->in_call = false;
	/* A call without a row is told of for one reason: how an interrupted one goes on. */
	if (sight->number >= NUMBER_END || !tracer->rows.row[sight->number]) {
		if (tracee->interrupted)
			call_settle(tracer, tracee, EVF_RESTART);
		tracee->resumes = false;
		return;
	}
	if (!identify(tracer, tracee, sight))
		return;
	call_journal_entry(tracer, tracee);
	if (sight->kind == SIGHT_CLOSE)
		call_finish(tracer, tracee, 0, 0);
	else
		tracee->in_call = true;
}

/* Of most calls only the end is told, with what they were asked. */
static void leave(struct tracer *tracer, struct tracee *tracee, const struct sight *sight)
{
	bool entered = tracee->in_call && tracee->state.row &&
		       (tracee->state.number == sight->number || tracee->state.row->kind == ROW_RESTART);

	if (!entered && !identify(tracer, tracee, sight))
		return;
	if (!entered && tracee->state.row->enter) /* one whose beginning was lost, or was before we came */
		call_journal_entry(tracer, tracee);
	call_leave(tracer, tracee, sight->ret);
}

static void born(struct tracer *tracer, struct tracee *parent, const struct sight *sight)
{
	struct tracee *child = tracee_find(tracer, (pid_t)sight->arg[0]);

	if (child) /* one with that number whose end was lost */
		family_exit(tracer, child->tid, 0);
	child = tracee_add(tracer, (pid_t)sight->arg[0]);
	if (child)
		family_adopt(tracer, parent, child, sight->arg[1]);
	else
		out_of_memory(tracer);
}

/* Threads whose end was lost end with their process. */
static void end_others(struct tracer *tracer, const struct tracee *last, int status)
{
	struct tracee *other;
	uint64_t tid;
	size_t at = 0;

	while (last->process->threads > 1 && (other = map_next(&tracer->tracees, &at, &tid))) {
		if (other == last || other->process != last->process)
			continue;
		family_exit(tracer, other->tid, status);
		at = 0;
	}
}

void sighting_ended(struct tracer *tracer, pid_t pid, int status)
{
	struct tracee *tracee;

	pthread_mutex_lock(&tracer->lock);
	tracee = tracee_find(tracer, pid);
	if (tracee && tracee->process) {
		end_others(tracer, tracee, status);
		family_exit(tracer, pid, status);
	}
	pthread_mutex_unlock(&tracer->lock);
}

static void end(struct tracer *tracer, struct tracee *tracee, const struct sight *sight)
{
	if (sight->arg[0])
		end_others(tracer, tracee, (int)sight->ret);
	family_exit(tracer, tracee->tid, (int)sight->ret);
}

static void hear_signal(struct tracer *tracer, struct tracee *tracee, const struct sight *sight)
{
	struct process *process = tracee->process;
	uint64_t bit = 1ULL << ((sight->ret - 1) & 63);

	process->handled = sight->arg[0] ? process->handled | bit : process->handled & ~bit;
	process->restarts = sight->arg[1] ? process->restarts | bit : process->restarts & ~bit;
	family_tell_signal(tracer, tracee, (int)sight->ret);
}

static void tell_lost(struct tracer *tracer, uint64_t count, bool futile, pid_t pid)
{
	struct event event = event_make(EV_PROC, PROC_LOST);

	event.pid = event.tid = pid;
	event.ret = (int64_t)count;
	event.arg[0] = futile;
	if (count && tracer->running)
		tracer_append(tracer, &event);
}

static void follow(struct tracer *tracer, struct tracee *tracee, const struct sight *sight)
{
	switch ((enum sight_kind)sight->kind) {
	case SIGHT_ENTER:
	case SIGHT_CLOSE:
		if (tracer->running)
			enter(tracer, tracee, sight);
		return;
	case SIGHT_LEAVE:
		if (tracer->running)
			leave(tracer, tracee, sight);
		return;
	case SIGHT_BORN:
		born(tracer, tracee, sight);
		return;
	case SIGHT_EXEC:
		(void)family_become(tracer, (pid_t)sight->tid, (pid_t)sight->arg[0]);
		return;
	case SIGHT_END:
		end(tracer, tracee, sight);
		return;
	case SIGHT_SIGNAL:
		hear_signal(tracer, tracee, sight);
		return;
	case SIGHT_THERE:
	case SIGHT_SUBMIT: /* these were heard by the rings */
	case SIGHT_COMPLETE:
	case SIGHT_URING_THERE:
	case SIGHT_WAITING:
	case SIGHT_UNSEEN:
		return;
	}
}

/* Whoever did it may be a thread of the kernel's, which is nobody's tracee. */
static bool is_of_ring(const struct sight *sight)
{
	return sight->kind >= SIGHT_SUBMIT;
}

/* What does nothing to anything, so that leaving it out leaves the rest as it is. */
static bool is_futile(struct tracer *tracer, const struct sight *sight)
{
	const struct row *row = sight->number < NUMBER_END ? tracer->rows.row[sight->number] : NULL;
	enum call_class class = row ? call_class(row->call) : CLASS_OTHER;
	bool waits = class == CLASS_WAIT || (row && row->kind == ROW_RING);

	if (is_of_ring(sight))
		return rings_in_vain(tracer, sight);
	if (sight->kind == SIGHT_ENTER)
		return waits;
	return sight->kind == SIGHT_LEAVE &&
	       (waits || sight->ret < 0 || (class == CLASS_READ && sight->ret == 0));
}

static void weigh(struct shed *shed, bool futile)
{
	if (futile)
		shed->futile += shed->futile < FUTILE_MOST;
	else
		shed->futile -= shed->futile < FUTILE_A_MOVE ? shed->futile : FUTILE_A_MOVE;
}

/* The first one is told at once: rules must know from when on nothing is certain. */
static void tell_shed(struct tracer *tracer, uint64_t now, pid_t pid)
{
	struct shed *shed = &tracer->shed;

	if (!shed->count || (shed->told && now < shed->told + SHED_TOLD_NS))
		return;
	tell_lost(tracer, shed->count, true, pid);
	shed->count = 0;
	shed->told = now;
}

/* Whether that record is left out. */
static bool sheds(struct tracer *tracer, const struct sight *sight)
{
	struct shed *shed = &tracer->shed;
	bool futile = is_futile(tracer, sight);

	weigh(shed, futile);
	if (shed->futile <= FUTILE_SPINS || !futile)
		return false;
	if (shed->taken_till + SPIN_BURST_NS < sight->at)
		shed->taken_till = sight->at - SPIN_BURST_NS;
	if (shed->taken_till > sight->at) {
		shed->count++;
		return true;
	}
	shed->taken_till += SPIN_RECORD_NS;
	return false;
}

static bool is_call(const struct sight *sight)
{
	return sight->kind == SIGHT_ENTER || sight->kind == SIGHT_CLOSE || sight->kind == SIGHT_LEAVE;
}

static int hand_over(void *arg, const struct sight *sight, const char *pieces)
{
	struct tracer *tracer = arg;
	uint64_t start = journal_start(tracer->watcher->journal), now = clock_now();
	const struct seen seen = {pieces, sight->size, now > sight->at ? now - sight->at : 0};
	struct tracee *tracee;
	bool shed;

	if (sight->at < tracer->since && is_call(sight))
		return 0;
	tracer->at = sight->at > start ? sight->at - start : 1;
	tracer->seen = &seen;
	if (sight->lost)
		tell_lost(tracer, sight->lost, false, (pid_t)sight->pid);
	shed = (is_call(sight) || is_of_ring(sight)) && sheds(tracer, sight);
	tell_shed(tracer, sight->at, (pid_t)sight->pid);
	tracee = shed || is_of_ring(sight) ? NULL : who(tracer, sight);
	if (tracee)
		follow(tracer, tracee, sight);
	else if (is_of_ring(sight))
		rings_hear(tracer, sight, shed || !tracer->running);
	tracer->seen = NULL;
	tracer->at = 0;
	return 0;
}

uint64_t sighting_collect(struct tracer *tracer, struct lens *lens, uint64_t most)
{
	return lens_take(lens, hand_over, tracer, most);
}

void sighting_finish(struct tracer *tracer, const struct lens *lens)
{
	pthread_mutex_lock(&tracer->lock);
	tell_lost(tracer, tracer->shed.count, true, tracer->first);
	tell_lost(tracer, lens_lost(lens), false, tracer->first);
	pthread_mutex_unlock(&tracer->lock);
}
