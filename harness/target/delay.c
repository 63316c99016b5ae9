/* SPDX-License-Identifier: MIT */
/*
 * Who waits for a CPU, and for how long.
 *
 * schedstat adds a wait up only once it is over, so that a thread which gets no turn at all would seem to be
 * content. One that is ready at two looks, with no turn and no wait that ended between them, has waited all
 * the time: it could not have slept without a turn. What is counted so is taken off what schedstat says when
 * the wait is over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/clock.h"
#include "target/target_impl.h"

static char thread_state(pid_t pid, pid_t tid)
{
	char path[64], text[512];
	const char *name_end;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	if (proc_read(path, text, sizeof(text)) <= 0)
		return '?';
	name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' ? name_end[2] : '?';
}

bool target_waits(const struct world *world)
{
	const struct thread *thread;
	size_t at = 0;

	while ((thread = world_next_thread(world, &at))) {
		char state;

		if (!thread->alive || thread->waiting == CALL_unknown || !thread->process)
			continue;
		state = thread_state(thread->process->pid, thread->tid);
		if (state == 'R' || state == 't' || state == 'T')
			return false;
	}
	return true;
}

uint64_t thread_waited(struct thread_delay *thread, const struct sched_times *times, bool ready, uint64_t now)
{
	uint64_t more = times->waited > thread->then.waited ? times->waited - thread->then.waited : 0;

	if (times->turns != thread->then.turns) {
		more -= more < thread->ahead ? more : thread->ahead;
		thread->ahead = 0;
	} else if (ready && thread->ready && times->ran == thread->then.ran) {
		more = now - thread->at;
		thread->ahead += more;
	}
	thread->then = *times;
	thread->at = now;
	thread->ready = ready;
	return more;
}

/* NULL: there was no memory for it, and it is not counted. */
static struct thread_delay *entry_of(struct delay_book *book, pid_t tid, bool *ret_new)
{
	struct thread_delay *thread = map_get(&book->threads, (uint64_t)tid);

	*ret_new = !thread;
	if (thread)
		return thread;
	thread = calloc(1, sizeof(*thread));
	if (thread && map_put(&book->threads, (uint64_t)tid, thread) < 0) {
		free(thread);
		return NULL;
	}
	return thread;
}

struct look {
	struct delay_book *book;
	pid_t pid;
	uint64_t now;
};

static int look_at_thread(void *arg, int tid)
{
	const struct look *look = arg;
	struct delay_book *book = look->book;
	struct thread_delay *thread;
	struct sched_times times;
	bool ready, new;
	uint64_t more;

	if (proc_sched(look->pid, tid, &times) < 0)
		return 0;
	/* we run */
	ready = tid != (pid_t)syscall(SYS_gettid) && thread_state(look->pid, tid) == 'R';
	thread = entry_of(book, tid, &new);
	if (!thread)
		return 0;
	more = thread_waited(thread, &times, ready, look->now);
	/* one that is new began after the last look, unless this is the first */
	book->total += !new ? more : book->round > 1 ? times.waited : 0;
	thread->round = book->round;
	return 0;
}

static void look_at(struct delay_book *book, pid_t pid, uint64_t now)
{
	struct look look = {.book = book, .pid = pid, .now = now};
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	(void)proc_each(path, look_at_thread, &look);
}

/* Those that ended: their numbers may come again. */
static void forget_others(struct delay_book *book)
{
	struct thread_delay *thread;
	uint64_t tid;
	size_t at = 0;

	while ((thread = map_next(&book->threads, &at, &tid))) {
		if (thread->round != book->round)
			free(map_remove(&book->threads, tid));
	}
}

uint64_t target_delay(struct target *target, const struct world *world)
{
	struct delay_book *book = &target->delays;
	uint64_t now = clock_now();
	struct pid_list pids;

	book->round++;
	look_at(book, getpid(), now);
	if (pids_live(target, world, &pids) == 0) {
		for (size_t i = 0; i < pids.count; i++)
			look_at(book, pids.pids[i], now);
		pids_free(&pids);
	}
	forget_others(book);
	return book->total;
}

uint64_t target_waited(pid_t pid)
{
	struct sched_times times;

	return proc_sched(pid, pid, &times) < 0 ? 0 : times.waited;
}

void delay_book_free(struct delay_book *book)
{
	map_free_all(&book->threads);
}
