/* SPDX-License-Identifier: MIT */
/* Clocks, timers, counters and signals. */
#include "fuzz/sim/sim_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "fuzz/sim/wrap.h"

#define YEAR_2026 1767225600u /* what the calendar says when a run begins */
#define UPTIME	  86400u      /* and the other clocks, in s: none of them is 0 on a machine */

/* Reading a clock is no call to a watcher (it is done in the vDSO), and takes no time here either. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	uint64_t now = sim_now(sim_current);

	ret_time->tv_sec = (time_t)(now / NS_PER_S) + (clock == CLOCK_REALTIME ? YEAR_2026 : UPTIME);
	ret_time->tv_nsec = (long)(now % NS_PER_S);
	return 0;
}

int __wrap_gettimeofday(struct timeval *ret_time, void *zone)
{
	struct timespec time;

	(void)zone;
	(void)__wrap_clock_gettime(CLOCK_REALTIME, &time);
	*ret_time = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
	return 0;
}

time_t __wrap_time(time_t *ret_time)
{
	time_t now = (time_t)(sim_now(sim_current) / NS_PER_S) + YEAR_2026;

	if (ret_time)
		*ret_time = now;
	return now;
}

int __wrap_eventfd(unsigned count, int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_eventfd2, -1);
	int fd = kernel_eventfd(sim->kernel, SIM_SERVER, count, flags & EFD_SEMAPHORE);

	sim_made(sim, fd, SIM_OTHER, flags);
	event.arg[0] = (uint64_t)flags;
	return (int)sim_end_call(sim, &event, fd);
}

int __wrap_timerfd_create(int clock, int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_timerfd_create, -1);
	int fd = kernel_timerfd(sim->kernel, SIM_SERVER);

	(void)clock;
	sim_made(sim, fd, SIM_TIMER, flags);
	event.arg[0] = (uint64_t)flags;
	return (int)sim_end_call(sim, &event, fd);
}

static uint64_t of_timespec(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *old)
{
	struct sim *sim = sim_of_call();
	uint64_t at = of_timespec(&wanted->it_value);

	if (old)
		*old = (struct itimerspec){0};
	sim_flush_time(sim);
	if (at && flags & TFD_TIMER_ABSTIME)
		at = at > UPTIME * NS_PER_S ? at - UPTIME * NS_PER_S : 1;
	else if (at)
		at += sim_now(sim);
	int r = kernel_timer(sim->kernel, SIM_SERVER, fd, at, of_timespec(&wanted->it_interval));
	if (r < 0)
		errno = -r;
	return r < 0 ? -1 : 0;
}

static uint64_t bits_of(const sigset_t *set)
{
	uint64_t bits = 0;

	for (int signo = 1; signo < 64; signo++)
		if (sigismember(set, signo) == 1)
			bits |= 1ull << signo;
	return bits;
}

/* An eventfd underneath: readable while a signal waits that it takes. */
int __wrap_signalfd(int fd, const sigset_t *set, int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_signalfd4, fd);

	event.arg[0] = (uint64_t)flags;
	if (fd < 0) {
		fd = kernel_eventfd(sim->kernel, SIM_SERVER, 0, true);
		sim_made(sim, fd, SIM_SIGNALS, flags);
	}
	if (sim_file(sim, fd))
		sim_file(sim, fd)->signals = bits_of(set);
	return (int)sim_end_call(sim, &event, fd);
}

int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	struct sim *sim = sim_current;
	uint64_t bits = set ? bits_of(set) : 0;

	for (int signo = 1; old && signo < 64; signo++)
		(void)(sim->masked & 1ull << signo ? sigaddset(old, signo) : sigdelset(old, signo));
	if (set && how == SIG_BLOCK)
		sim->masked |= bits;
	else if (set && how == SIG_UNBLOCK)
		sim->masked &= ~bits;
	else if (set)
		sim->masked = bits;
	return 0;
}

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return __wrap_sigprocmask(how, set, old);
}

sighandler_t __wrap_signal(int signo, sighandler_t handler)
{
	sighandler_t old;

	if (signo < 1 || signo > 64)
		return SIG_ERR;
	old = sim_current->handlers[signo];
	sim_current->handlers[signo] = handler;
	return old;
}

int __wrap_sigaction(int signo, const struct sigaction *wanted, struct sigaction *old)
{
	if (signo < 1 || signo > 64) {
		errno = EINVAL;
		return -1;
	}
	if (old)
		*old = (struct sigaction){.sa_handler = sim_current->handlers[signo]};
	if (wanted)
		sim_current->handlers[signo] = wanted->sa_handler;
	return 0;
}

static void emit_signal(struct sim *sim, int signo)
{
	struct event event = event_make(EV_PROC, PROC_SIGNAL);

	event.ret = signo;
	sim_emit(sim, &event);
}

static bool ignores(int signo)
{
	return signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH || signo == SIGCONT;
}

/* Where a signalfd takes it, it is readable now. */
static void show_signal(struct sim *sim, int signo)
{
	const uint64_t one = 1;

	int top = kernel_top(sim->kernel, SIM_SERVER);
	for (int fd = 0; fd < top; fd++) {
		const struct sim_file *file = sim_file(sim, fd);
		if (file && file->kind == SIM_SIGNALS && file->signals & 1ull << signo)
			(void)kernel_send(sim->kernel, SIM_SERVER, fd, &one, sizeof one);
	}
}

void sim_signal(struct sim *sim, int signo)
{
	uint64_t bit = 1ull << signo;

	if (sim->handlers[signo] == SIG_IGN && !(sim->masked & bit))
		return;
	if (sim->masked & bit) {
		if (!(sim->pending & bit))
			show_signal(sim, signo);
		sim->pending |= bit;
		return;
	}
	if (sim->handlers[signo] == SIG_DFL && !ignores(signo)) {
		emit_signal(sim, signo);
		sim_leave(sim, SIM_KILLED, signo);
	}
	sim->pending |= bit;
}

bool sim_interrupted(struct sim *sim)
{
	bool called = false;

	for (int signo = 1; signo < 64 && sim->pending & ~sim->masked; signo++) {
		uint64_t bit = 1ull << signo;
		if (!(sim->pending & bit) || sim->masked & bit)
			continue;
		sim->pending &= ~bit;
		if (sim->handlers[signo] == SIG_DFL || sim->handlers[signo] == SIG_IGN)
			continue;
		emit_signal(sim, signo);
		sim->handlers[signo](signo);
		called = true;
	}
	return called;
}

int __wrap_raise(int signo)
{
	sim_signal(sim_of_call(), signo);
	return 0;
}

int __wrap_kill(pid_t pid, int signo)
{
	if (pid == SIM_PID && signo)
		sim_signal(sim_of_call(), signo);
	return 0;
}
