/* SPDX-License-Identifier: MIT */
/* Processes and threads: start, fork, exec, exit. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include "model/world_impl.h"

static struct process *process_new(struct world *world, int32_t pid, struct fd_table *table)
{
	struct process *process = calloc(1, sizeof *process);

	if (!process || !table || list_add(&world->processes, process) < 0) {
		free(process);
		table_unref(world, table);
		return NULL;
	}
	process->pid = pid;
	process->table = table;
	process->alive = true;
	process->started = world->now;
	return map_put(&world->process_by_pid, (uint32_t)pid, process) < 0 ? NULL : process;
}

struct process *process_of(struct world *world, int32_t pid)
{
	struct process *process = world_process(world, pid);

	return process && process->alive ? process : process_new(world, pid, table_new());
}

static struct thread *thread_new(struct world *world, struct process *process, int32_t tid)
{
	struct thread *thread = calloc(1, sizeof *thread);

	if (!thread || list_add(&world->threads, thread) < 0) {
		free(thread);
		return NULL;
	}
	thread->tid = tid;
	thread->process = process;
	thread->alive = true;
	thread->wait_fd = -1;
	thread->last_event = world->now;
	thread->last_wait = NOT_YET;
	process->threads++;
	return map_put(&world->thread_by_tid, (uint32_t)tid, thread) < 0 ? NULL : thread;
}

struct thread *thread_of(struct world *world, int32_t pid, int32_t tid)
{
	struct thread *thread = world_thread(world, tid);

	if (thread && thread->alive && thread->process->pid == pid)
		return thread;
	struct process *process = process_of(world, pid);
	return process ? thread_new(world, process, tid) : NULL;
}

static int apply_fork(struct world *world, const struct event *event)
{
	struct thread *parent = thread_of(world, event->pid, event->tid);
	int32_t child = (int32_t)event->arg[0];

	if (!parent)
		return -ENOMEM;
	world->touch.thread = parent;
	world->touch.process = parent->process;
	if (event->arg[1] & CLONE_THREAD)
		return thread_of(world, event->pid, child) ? 0 : -ENOMEM;
	struct fd_table *table = parent->process->table;
	if (event->arg[1] & CLONE_FILES)
		table->refs++;
	else
		table = table_copy(world, table);
	struct process *process = process_new(world, child, table);
	if (!process)
		return -ENOMEM;
	process->parent = event->pid;
	return thread_new(world, process, child) ? 0 : -ENOMEM;
}

/* Exec gives the process a table of its own and takes what was marked close-on-exec; the other threads are
 * gone. */
static int apply_exec(struct world *world, const struct event *event)
{
	struct thread *thread = thread_of(world, event->pid, event->tid);

	if (!thread)
		return -ENOMEM;
	struct process *process = thread->process;
	world->touch.thread = thread;
	world->touch.process = process;
	if (process->table->refs > 1) {
		struct fd_table *own = table_copy(world, process->table);
		if (!own)
			return -ENOMEM;
		table_unref(world, process->table);
		process->table = own;
	}
	table_exec(world, process->table);
	for (size_t i = 0; i < world->threads.count; i++) {
		struct thread *other = world->threads.items[i];
		if (other->process == process && other != thread)
			other->alive = false;
	}
	process->threads = 1;
	thread->waiting = CALL_unknown;
	return 0;
}

static void process_end(struct world *world, struct process *process, int status)
{
	process->alive = false;
	process->exit_status = status;
	process->ended = world->now;
	for (size_t i = 0; i < world->threads.count; i++) {
		struct thread *thread = world->threads.items[i];
		if (thread->process == process)
			thread->alive = false;
	}
	process->threads = 0;
	struct fd_table *table = process->table;
	process->table = NULL;
	table_unref(world, table);
}

static int apply_exit(struct world *world, const struct event *event)
{
	struct thread *thread = world_thread(world, event->tid);
	struct process *process = world_process(world, event->pid);

	world->touch.thread = thread;
	world->touch.process = process;
	if (thread && thread->alive) {
		thread->alive = false;
		thread->waiting = CALL_unknown;
		if (thread->process->threads)
			thread->process->threads--;
	}
	if (process && process->alive && event->arg[0])
		process_end(world, process, (int)event->ret);
	return 0;
}

int world_proc(struct world *world, const struct event *event)
{
	struct process *process;

	switch ((enum proc)event->what) {
	case PROC_START:
		process = process_of(world, event->pid);
		if (!process || !thread_of(world, event->pid, event->pid))
			return -ENOMEM;
		process->first = true;
		world->touch.process = process;
		return 0;
	case PROC_FORK:
		return apply_fork(world, event);
	case PROC_EXEC:
		return apply_exec(world, event);
	case PROC_EXIT:
		return apply_exit(world, event);
	case PROC_SIGNAL:
		world->touch.process = world_process(world, event->pid);
		world->touch.thread = world_thread(world, event->tid);
		return 0;
	case PROC_LOST:
		if (!world->lost[event->arg[0] == 1])
			world->lost_since[event->arg[0] == 1] = world->now;
		world->lost[event->arg[0] == 1] += (uint64_t)event->ret;
		return 0;
	}
	return 0;
}
