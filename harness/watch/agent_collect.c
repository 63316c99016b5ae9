/* SPDX-License-Identifier: MIT */
/*
 * From the rings to the journal, and the calls that a signal interrupts.
 *
 * Several rings are merged by time. What is written after the look began stays for the next one: whoever
 * saw an effect of another thread's call told it later than that thread did, so a merge up to one moment
 * never shows the effect without the cause.
 */
#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/clock.h"
#include "watch/agent_inner.h"
#include "watch/arch.h"
#include "watch/call.h"
#include "watch/tracer.h"

struct cursor {
	size_t slot;
	uint64_t at, end;
};

static const struct agent_record *record_at(const struct agent *agent, const struct cursor *cursor)
{
	return (const struct agent_record *)(agent->share->rings[cursor->slot] +
					     cursor->at % AGENT_RING_SIZE);
}

/* Nothing that a program gone wild may have written there is followed. */
static bool sound(const struct cursor *cursor, const struct agent_record *record)
{
	uint64_t left = AGENT_RING_SIZE - cursor->at % AGENT_RING_SIZE;

	return record->size >= sizeof *record && record->size % 8 == 0 && record->size <= left &&
	       record->size <= cursor->end - cursor->at &&
	       record->data_size <= record->size - sizeof *record &&
	       (record->kind == EV_FAULT
		    ? record->what == FAULT_DELIVERED
		    : (record->kind == EV_CALL || record->kind == EV_ENTER) && record->what < CALL_COUNT);
}

/* The next record of a cursor, NULL: none. *ret_broken: it is no record. */
static const struct agent_record *peek(const struct agent *agent, struct cursor *cursor, bool *ret_broken)
{
	const struct agent_record *record;

	if (cursor->at == cursor->end)
		return NULL;
	record = record_at(agent, cursor);
	if (!record->size) {
		cursor->at += AGENT_RING_SIZE - cursor->at % AGENT_RING_SIZE;
		if (cursor->at >= cursor->end) {
			*ret_broken = cursor->at > cursor->end;
			return NULL;
		}
		record = record_at(agent, cursor);
	}
	if (sound(cursor, record))
		return record;
	*ret_broken = true;
	return NULL;
}

static bool moves(const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);

	return event->kind == EV_CALL && event->ret > 0 &&
	       (class == CLASS_READ || class == CLASS_WRITE || class == CLASS_ACCEPT);
}

/* One that moves something makes up for so many that do not: more than any honest loop has. */
static void weigh(struct agent *agent, const struct event *event)
{
	if (!moves(event))
		agent->futile += agent->futile < FUTILE_MOST;
	else
		agent->futile -= agent->futile < FUTILE_A_MOVE ? agent->futile : FUTILE_A_MOVE;
}

/* The agent tells which fault it was; its text is here. */
static void name_fault(struct tracer *tracer, struct event *event, char *text, size_t size)
{
	struct fault fault;

	if (!fault_set_find(tracer->watcher->faults, (uint32_t)event->arg[0], &fault)) {
		watcher_broke(tracer->watcher, -EBADMSG, "the target overwrote the agent's memory");
		return;
	}
	fault_text(&fault, text, size);
	event->data = text;
	event->size = (uint32_t)strlen(text) + 1;
}

static void deliver(struct tracer *tracer, struct tracee *tracee, const struct agent_record *record)
{
	uint64_t start = journal_start(tracer->watcher->journal);
	struct event event = tracer_event(tracee, (enum event_kind)record->kind, record->what);
	char text[128];

	event.at = record->at > start ? record->at - start : 1;
	event.flags = record->flags;
	event.fd = record->fd;
	event.ret = record->ret;
	for (size_t i = 0; i < 4; i++)
		event.arg[i] = record->arg[i];
	event.size = record->data_size;
	event.data = record + 1;
	if (event.kind == EV_FAULT)
		name_fault(tracer, &event, text, sizeof text);
	weigh(tracer->agent, &event);
	/* The agent does not know which sockets were accepted. */
	if (event.kind == EV_CALL && event.what == CALL_close && !fds_accepted(tracee->fds, event.fd))
		event.arg[0] = event.arg[1] = event.arg[2] = 0;
	if (event.kind == EV_CALL)
		fds_follow(tracee->fds, &event);
	tracer_append(tracer, &event);
	if (event.kind == EV_CALL)
		rings_follow(tracer, tracee, &event);
}

static void make_room(struct agent *agent)
{
	struct agent_share *share = agent->share;

	if (!atomic_load(&share->waiting))
		return;
	atomic_fetch_add(&share->room, 1);
	(void)syscall(SYS_futex, &share->room, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static size_t look(struct agent *agent, struct cursor *cursors)
{
	size_t count = 0;

	for (size_t i = 0; i < agent->used; i++) {
		struct agent_slot *slot = &agent->share->slots[i];
		struct cursor cursor = {.slot = i, .at = atomic_load(&slot->taken)};

		cursor.end = atomic_load_explicit(&slot->written, memory_order_acquire);
		if (agent->owners[i] && cursor.at != cursor.end)
			cursors[count++] = cursor;
	}
	return count;
}

/* The cursor whose next record is the oldest. NULL: none up to that moment. */
static struct cursor *oldest(struct agent *agent, struct cursor *cursors, size_t count, uint64_t until,
			     bool *ret_broken)
{
	struct cursor *found = NULL;
	uint64_t first = until;

	for (size_t i = 0; i < count; i++) {
		const struct agent_record *record = peek(agent, &cursors[i], ret_broken);

		if (record && record->at <= first) {
			found = &cursors[i];
			first = record->at;
		}
	}
	return found;
}

/* A report of many events is many records' worth to the journal and to who judges it. */
static uint64_t worth(const struct agent_record *record)
{
	return 1 + record->size / RECORD_WORTH;
}

uint64_t agent_collect(struct tracer *tracer, uint64_t most)
{
	struct agent *agent = tracer->agent;
	struct cursor cursors[AGENT_SLOTS], *cursor;
	uint64_t until = clock_now(), told = 0, taken = 0;
	size_t count = look(agent, cursors);
	bool broken = false;

	while (told < most && (cursor = oldest(agent, cursors, count, until, &broken)) && !broken) {
		const struct agent_record *record = record_at(agent, cursor);

		deliver(tracer, agent->owners[cursor->slot], record);
		told += worth(record);
		cursor->at += record->size;
		atomic_store_explicit(&agent->share->slots[cursor->slot].taken, cursor->at,
				      memory_order_release);
		if (++taken % 256 == 0)
			make_room(agent);
	}
	if (broken)
		watcher_broke(tracer->watcher, -EBADMSG, "the target overwrote the agent's memory");
	make_room(agent);
	return told;
}

static bool is_restart(int64_t ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
	       ret == -ERESTART_RESTARTBLOCK;
}

/* As call.c would have it: the call's row and arguments, from the registers. False: none of ours. */
static bool stands_in_call(struct tracer *tracer, struct tracee *tracee, struct arch_regs *regs)
{
	uint64_t number = arch_number(regs);

	if (arch_place(regs) != AGENT_STUB_AFTER || number >= NUMBER_END || !tracer->rows.row[number])
		return false;
	tracee->state.row = tracer->rows.row[number];
	tracee->state.number = number;
	for (unsigned i = 0; i < 6; i++)
		tracee->state.arg[i] = arch_arg(regs, i);
	/* The agent's own sleep, while it holds a call back, is none of the target's. */
	return tracee->state.row->call != CALL_unknown && tracee->state.row->call != CALL_clock_nanosleep;
}

static void finish(struct tracer *tracer, struct tracee *tracee, uint16_t flags)
{
	const struct row *row = tracee->state.row;
	struct event event = tracer_event(tracee, EV_CALL, row->call);

	if (row->enter)
		row->enter(&(struct decoding){.tid = tracee->tid,
					      .pidfd = tracee->process->pidfd,
					      .state = &tracee->state,
					      .scratch = &tracer->scratch,
					      .event = &event});
	call_finish(tracer, tracee, -EINTR, flags);
}

/*
 * The kernel has decided that the call is interrupted, and a handler is about to run, whose own calls come
 * first otherwise. Where the target is to see EINTR the agent is told so by a result of our own; a call that
 * starts again ends as any other.
 */
void agent_interrupted(struct tracer *tracer, struct tracee *tracee, int signo)
{
	const struct process *process = tracee->process;
	struct arch_regs regs;
	int64_t ret;

	if (!tracee->slot || tracee->in_call || arch_get(tracee->tid, &regs) < 0)
		return;
	ret = arch_result(&regs);
	if ((ret != -EINTR && !is_restart(ret)) || !stands_in_call(tracer, tracee, &regs))
		return;
	if (ret != -EINTR && !(process->handled >> (signo - 1) & 1))
		return;
	if (ret == -ERESTARTNOINTR || (ret == -ERESTARTSYS && (process->restarts >> (signo - 1) & 1))) {
		finish(tracer, tracee, EVF_RESTART);
		return;
	}
	arch_put_result(&regs, -AGENT_TOLD);
	if (arch_set(tracee->tid, &regs) == 0)
		finish(tracer, tracee, 0);
}
