/* SPDX-License-Identifier: MIT */
/* Threads that sleep in epoll_wait, or in poll, while the script goes on. */
#include "run/duet_real.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"

#define PATIENCE (5 * NS_PER_S)

/* Until poll says IN and something was left when it was taken. */
static int poll_and_wait(const struct sleeper_thread *asleep, struct epoll_event *ret_events)
{
	struct pollfd entry = {.fd = asleep->epoll, .events = POLLIN};
	int n = 0;

	while (n == 0 && (n = poll(&entry, 1, -1)) > 0)
		n = epoll_wait(asleep->epoll, ret_events, asleep->most, 0);
	return n;
}

static void *wait_for_events(void *data)
{
	struct sleeper_thread *asleep = data;
	struct epoll_event events[DUET_EVENTS];
	int n;

	asleep->tid = gettid();
	n = asleep->polls ? poll_and_wait(asleep, events)
			  : epoll_wait(asleep->epoll, events, asleep->most, -1);
	asleep->found.result = n < 0 ? -errno : n;
	asleep->found.count = n < 0 ? 0 : n;
	for (int i = 0; i < n; i++)
		asleep->found.events[i] =
		    (struct kernel_event){.events = events[i].events, .data = events[i].data.u64};
	asleep->is_back = 1;
	return NULL;
}

/*
 * Once for each thread, and high: a number that is opened for each look would be the lowest that is free, the
 * one that the script has just closed under a thread that is about to ask it again.
 */
static int open_state(int tid)
{
	char path[64];
	int low, high;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	low = open(path, O_RDONLY | O_CLOEXEC);
	if (low < 0)
		return -1;
	high = fcntl(low, F_DUPFD_CLOEXEC, DUET_HIGH);
	(void)close(low);
	return high;
}

/* proc(5): the state stands behind the name, which ends with the last bracket. */
static bool is_asleep(struct sleeper_thread *asleep)
{
	char line[256] = "";
	const char *end;

	if (asleep->state < 0)
		asleep->state = open_state(asleep->tid);
	if (asleep->state < 0 || pread(asleep->state, line, sizeof line - 1, 0) < 0)
		return false;
	end = strrchr(line, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

/* Whether nobody is on the way; and how many are back. */
static bool are_at_rest(const struct duet *duet, int *ret_back)
{
	int back = 0;

	for (int i = 0; i < STEP_NAMES; i++) {
		struct sleeper_thread *asleep = duet->names[i].asleep;
		if (asleep && asleep->is_back)
			back++;
		else if (asleep && (!asleep->tid || !is_asleep(asleep)))
			return false;
	}
	*ret_back = back;
	return true;
}

/*
 * Who is woken runs before the call that woke it returns, but may wake the next when that was looked at
 * already: so all are looked at twice. Which of two that race came back is for the steps that ask.
 */
int duet_settle_sleepers(struct duet *duet)
{
	uint64_t end = clock_now() + PATIENCE;
	int wanted = 0, back = -1, before = -1;
	bool any = false;

	for (int i = 0; i < STEP_NAMES; i++) {
		any |= duet->names[i].asleep != NULL;
		wanted += duet->names[i].asleep && kernel_is_back(duet->model, duet->names[i].sleeper);
	}
	while (any && (!are_at_rest(duet, &back) || back != wanted || back != before)) {
		before = back;
		if (clock_now() > end)
			return -ETIMEDOUT;
		(void)sched_yield();
	}
	return 0;
}

static void end_thread(struct name *name)
{
	if (!name->asleep)
		return;
	(void)pthread_cancel(name->asleep->thread);
	(void)pthread_join(name->asleep->thread, NULL);
	if (name->asleep->state >= 0)
		(void)close(name->asleep->state);
	name->asleep->is_there = false;
	name->asleep = NULL;
}

void duet_end_sleepers(struct duet *duet)
{
	for (int i = 0; i < STEP_NAMES; i++)
		end_thread(&duet->names[i]);
}

static void start_thread(struct duet *duet, const struct step *step, bool polls, struct outcome *ret)
{
	struct sleeper_thread *asleep = duet->threads;

	while (asleep->is_there) /* there are as many as names */
		asleep++;
	asleep->polls = polls;
	asleep->epoll = duet_fd(duet, step, 1);
	asleep->most = (int)step->number;
	asleep->state = -1;
	asleep->tid = asleep->is_back = 0;
	memset(&asleep->found, 0, sizeof asleep->found);
	ret->result = -pthread_create(&asleep->thread, NULL, wait_for_events, asleep);
	asleep->is_there = ret->result == 0;
	duet->names[step->names[0]].asleep = asleep->is_there ? asleep : NULL;
}

void real_sleep(struct duet *duet, const struct step *step, struct outcome *ret)
{
	start_thread(duet, step, false, ret);
}

void real_sleep_poll(struct duet *duet, const struct step *step, struct outcome *ret)
{
	start_thread(duet, step, true, ret);
}

/* Those that are back first, and they by what they have to tell. */
static uint64_t rank(const struct sleeper_thread *asleep)
{
	return asleep->is_back && asleep->found.count ? asleep->found.events[0].data : UINT64_MAX;
}

void real_either(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct name *first = &duet->names[step->names[0]], *second = &duet->names[step->names[1]];
	struct sleeper_thread *asleep = first->asleep;

	ret->result = first->asleep->is_back + second->asleep->is_back;
	if (rank(second->asleep) < rank(first->asleep)) {
		first->asleep = second->asleep;
		second->asleep = asleep;
	}
}

void real_woken(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct name *name = &duet->names[step->names[0]];

	if (!name->asleep->is_back) {
		ret->result = -EAGAIN;
		return;
	}
	*ret = name->asleep->found;
	ret->numbers[0] = ret->numbers[1] = -1;
	end_thread(name);
}
