/* SPDX-License-Identifier: MIT */
/*
 * waitpid knows no time-out, so a timer interrupts it: a signal to the tracer's thread alone, which is let in
 * only while it waits. One that comes just before the wait is lost on it; the timer repeats until it is set
 * again.
 */
#include "watch/hold.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "watch/call.h"

#define REPEAT_NS NS_PER_MS

struct hold {
	pid_t tid;
	uint64_t until; /* by clock_now; the tracee says the same while it is the one meant */
};

struct holds {
	timer_t timer;
	sigset_t signals; /* the timer's */
	struct hold *items;
	size_t count, capacity;
};

static void interrupt(int signo)
{
	(void)signo;
}

/* The last of the real-time signals: nobody here uses it, and whatever the target inherits it gets anew. */
static struct holds *holds_new(void)
{
	const struct sigaction action = {.sa_handler = interrupt}; /* not SA_RESTART */
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX};
	struct holds *holds = calloc(1, sizeof *holds);

	if (!holds)
		return NULL;
	event._sigev_un._tid = gettid();
	sigemptyset(&holds->signals);
	sigaddset(&holds->signals, SIGRTMAX);
	if (sigaction(SIGRTMAX, &action, NULL) < 0 ||
	    timer_create(CLOCK_MONOTONIC, &event, &holds->timer) < 0) {
		free(holds);
		return NULL;
	}
	return holds;
}

void holds_free(struct holds *holds)
{
	if (!holds)
		return;
	(void)timer_delete(holds->timer);
	free(holds->items);
	free(holds);
}

/* To the earliest; off when there is none. */
static void set_timer(struct holds *holds)
{
	struct itimerspec when = {.it_interval = {.tv_nsec = REPEAT_NS}};
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < holds->count; i++)
		if (holds->items[i].until < first)
			first = holds->items[i].until;
	if (holds->count) {
		when.it_value.tv_sec = (time_t)(first / NS_PER_S);
		when.it_value.tv_nsec = (long)(first % NS_PER_S);
	}
	(void)timer_settime(holds->timer, TIMER_ABSTIME, &when, NULL);
}

int hold_begin(struct tracer *tracer, struct tracee *tracee, uint64_t ns)
{
	struct holds *holds = tracer->holds ? tracer->holds : holds_new();
	struct hold *items;

	tracer->holds = holds;
	if (!holds)
		return -ENOMEM;
	items = array_grow(holds->items, holds->count, &holds->capacity, sizeof *items);
	if (!items)
		return -ENOMEM;
	holds->items = items;
	tracee->held_until = clock_now() + ns;
	items[holds->count++] = (struct hold){tracee->tid, tracee->held_until};
	set_timer(holds);
	return 0;
}

pid_t hold_wait(struct tracer *tracer, int *ret_status)
{
	struct holds *holds = tracer->holds;
	pid_t tid;
	int code;

	if (!holds || !holds->count)
		return waitpid(-1, ret_status, __WALL | __WNOTHREAD);
	(void)pthread_sigmask(SIG_UNBLOCK, &holds->signals, NULL);
	tid = waitpid(-1, ret_status, __WALL | __WNOTHREAD);
	code = errno;
	(void)pthread_sigmask(SIG_BLOCK, &holds->signals, NULL);
	errno = code;
	return tid;
}

/* Unless it is dead, or became another by exec. */
static void let_go(struct tracer *tracer, const struct hold *hold)
{
	struct tracee *tracee = tracee_find(tracer, hold->tid);

	if (!tracee || !tracee->process || tracee->held_until != hold->until)
		return;
	tracee->held_until = 0;
	call_go_on(tracer, tracee);
}

void hold_release(struct tracer *tracer)
{
	struct holds *holds = tracer->holds;
	uint64_t now = holds && holds->count ? clock_now() : 0;
	size_t left = 0, count = now ? holds->count : 0;

	for (size_t i = 0; i < count; i++) {
		if (holds->items[i].until > now)
			holds->items[left++] = holds->items[i];
		else
			let_go(tracer, &holds->items[i]);
	}
	if (left == count)
		return;
	holds->count = left;
	set_timer(holds);
}
