/* SPDX-License-Identifier: MIT */
#include "watch/again.h"

#include <errno.h>
#include <stdio.h>
#include "watch/arch.h"
#include "watch/call.h"

bool again_standing(pid_t tid, long *ret_number, uint64_t ret_arg[6])
{
	unsigned long long arg[6];
	char path[40];
	FILE *file;
	int got;

	snprintf(path, sizeof path, "/proc/%d/syscall", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	got = fscanf(file, "%ld %llx %llx %llx %llx %llx %llx", ret_number, &arg[0], &arg[1], &arg[2],
		     &arg[3], &arg[4], &arg[5]);
	fclose(file);
	for (int i = 0; i < 6 && got == 7; i++)
		ret_arg[i] = arg[i];
	return got == 7 && *ret_number >= 0 && *ret_number < NUMBER_END;
}

/* Those that have done nothing yet when they say EINTR. */
static bool may_repeat(const struct row *row)
{
	enum call_class class = row ? call_class(row->call) : CLASS_OTHER;

	return row && (row->kind == ROW_WAIT || row->kind == ROW_RING || class == CLASS_READ ||
		       class == CLASS_WRITE || class == CLASS_ACCEPT);
}

static void note(struct tracer *tracer, const struct tracee *tracee, long number)
{
	const struct row *row = tracer->rows.row[number];

	if (journal_mark(tracer->watcher->journal, MARK_NOTE,
			 "attaching interrupted thread %d in %s (call %ld): that EINTR is wringer's doing",
			 tracee->tid, row ? call_name(row->call) : "a call without a name here", number) < 0)
		watcher_broke(tracer->watcher, -ENOMEM, "the journal cannot be written");
}

/* What restart_syscall, which the kernel lets the thread make, goes on with. */
static void remember(struct tracer *tracer, struct tracee *tracee, long number, const uint64_t arg[6])
{
	const struct row *row = tracer->rows.row[number];

	if (!row || row->kind == ROW_RESTART || row->kind == ROW_SIGACTION || row->kind == ROW_SECCOMP)
		return;
	tracee->resumes = true;
	tracee->state.row = row;
	tracee->state.number = (uint64_t)number;
	for (int i = 0; i < 6; i++)
		tracee->state.arg[i] = arg[i];
}

void again_make(struct tracer *tracer, struct tracee *tracee)
{
	struct arch_regs regs;
	uint64_t arg[6];
	long number;

	tracee->poked = false;
	if (!again_standing(tracee->tid, &number, arg) || arch_get(tracee->tid, &regs) < 0)
		return;
	if (arch_result(&regs) == -ERESTART_RESTARTBLOCK)
		remember(tracer, tracee, number, arg);
	if (arch_result(&regs) != -EINTR)
		return;
	if (!may_repeat(tracer->rows.row[number])) {
		note(tracer, tracee, number);
		return;
	}
	arch_again(&regs, arg[0]);
	(void)arch_set(tracee->tid, &regs);
}
