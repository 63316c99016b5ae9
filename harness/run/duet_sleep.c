/* SPDX-License-Identifier: MIT */
/* Threads that sleep in epoll_wait while the script goes on. */
#include "run/duet_real.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"

#define PATIENCE (5 * NS_PER_S)

static void *wait_for_events(void *data)
{
	struct sleeper_thread *asleep = data;
	struct epoll_event events[DUET_EVENTS];
	int n;

	asleep->tid = gettid();
	n = epoll_wait(asleep->epoll, events, asleep->most, -1);
	asleep->found.result = n < 0 ? -errno : n;
	asleep->found.count = n < 0 ? 0 : n;
	for (int i = 0; i < n; i++)
		asleep->found.events[i] =
		    (struct kernel_event){.events = events[i].events, .data = events[i].data.u64};
	asleep->is_back = 1;
	return NULL;
}

/* proc(5): the state stands behind the name, which ends with the last bracket. */
static bool is_asleep(int tid)
{
	char path[64], line[256] = "";
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	(void)!fgets(line, sizeof line, file);
	(void)fclose(file);
	const char *end = strrchr(line, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static bool is_settled(const struct duet *duet, const struct name *name)
{
	if (!name->asleep.is_there)
		return true;
	if (kernel_is_back(duet->model, name->sleeper))
		return name->asleep.is_back;
	return name->asleep.tid && !name->asleep.is_back && is_asleep(name->asleep.tid);
}

int duet_settle_sleepers(struct duet *duet)
{
	uint64_t end = clock_now() + PATIENCE;

	for (int i = 0; i < STEP_NAMES; i++)
		while (!is_settled(duet, &duet->names[i])) {
			if (clock_now() > end)
				return -ETIMEDOUT;
			(void)sched_yield();
		}
	return 0;
}

static void end_thread(struct sleeper_thread *asleep)
{
	if (!asleep->is_there)
		return;
	(void)pthread_cancel(asleep->thread);
	(void)pthread_join(asleep->thread, NULL);
	asleep->is_there = false;
}

void duet_end_sleepers(struct duet *duet)
{
	for (int i = 0; i < STEP_NAMES; i++)
		end_thread(&duet->names[i].asleep);
}

void real_sleep(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct sleeper_thread *asleep = &duet->names[step->names[0]].asleep;

	asleep->epoll = duet_fd(duet, step, 1);
	asleep->most = (int)step->number;
	asleep->tid = asleep->is_back = 0;
	memset(&asleep->found, 0, sizeof asleep->found);
	ret->result = -pthread_create(&asleep->thread, NULL, wait_for_events, asleep);
	asleep->is_there = ret->result == 0;
}

void real_woken(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct sleeper_thread *asleep = &duet->names[step->names[0]].asleep;

	if (!asleep->is_back) {
		ret->result = -EAGAIN;
		return;
	}
	*ret = asleep->found;
	ret->numbers[0] = ret->numbers[1] = -1;
	end_thread(asleep);
}
