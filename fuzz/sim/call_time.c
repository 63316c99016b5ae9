/* SPDX-License-Identifier: MIT */
/* Clocks, sleeps, timers and counters. */
#include "fuzz/sim/sim_impl.h"

#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "fuzz/sim/wrap.h"

#define YEAR_2026 1767225600u /* what the calendar says when a run begins */
#define UPTIME	  86400u      /* and the other clocks, in s: none of them is 0 on a machine */

static bool is_calendar(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

/* What a clock shows when a run begins, in ns. */
static uint64_t began(int clock)
{
	return (is_calendar(clock) ? YEAR_2026 : UPTIME) * NS_PER_S;
}

static uint64_t shown(int clock)
{
	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
		return sim_now(sim_current) - sim_current->asleep;
	return began(clock) + sim_now(sim_current);
}

static uint64_t of_timespec(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
}

static uint64_t of_timeval(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_usec * NS_PER_US;
}

static struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S / NS_PER_US)};
}

/* When a time of this clock comes, as sim_now counts. */
static uint64_t of_clock(int clock, uint64_t ns)
{
	return ns > began(clock) ? ns - began(clock) : 1;
}

/* Reading a clock is no call to a watcher (it is done in the vDSO), and takes no time here either. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	*ret_time = to_timespec(shown(clock));
	return 0;
}

int __wrap_gettimeofday(struct timeval *ret_time, void *zone)
{
	(void)zone;
	*ret_time = to_timeval(shown(CLOCK_REALTIME));
	return 0;
}

time_t __wrap_time(time_t *ret_time)
{
	time_t now = (time_t)(shown(CLOCK_REALTIME) / NS_PER_S);

	if (ret_time)
		*ret_time = now;
	return now;
}

clock_t __wrap_clock(void)
{
	return (clock_t)(shown(CLOCK_PROCESS_CPUTIME_ID) / NS_PER_US); /* CLOCKS_PER_SEC is a million */
}

clock_t __wrap_times(struct tms *ret_times)
{
	if (ret_times)
		*ret_times =
		    (struct tms){.tms_utime = (clock_t)(shown(CLOCK_PROCESS_CPUTIME_ID) / (10 * NS_PER_MS))};
	return (clock_t)(shown(CLOCK_MONOTONIC) / (10 * NS_PER_MS));
}

/* Until then, or until a handler is to run: 0, -EINTR. */
static int sleep_until(enum call call, uint64_t until)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, -1);

	while (!sim_interrupted(sim, false))
		if (!sim_wait_once(sim, until, false))
			return (int)sim_end_call(sim, &event, 0);
	return (int)sim_end_call(sim, &event, -EINTR);
}

static uint64_t left_of(uint64_t until)
{
	uint64_t now = sim_now(sim_current);

	return until > now ? until - now : 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	uint64_t until = sim_now(sim_current) + of_timespec(time);
	int r = sleep_until(CALL_nanosleep, until);

	if (r < 0 && left)
		*left = to_timespec(left_of(until));
	return r;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	bool absolute = flags & TIMER_ABSTIME;
	uint64_t ns = of_timespec(time), until = absolute ? of_clock(clock, ns) : sim_now(sim_current) + ns;
	int r = sleep_until(CALL_clock_nanosleep, until);

	if (r < 0 && left && !absolute)
		*left = to_timespec(left_of(until));
	return r < 0 ? EINTR : 0;
}

int __wrap_usleep(useconds_t us)
{
	return sleep_until(CALL_clock_nanosleep, sim_now(sim_current) + (uint64_t)us * NS_PER_US);
}

unsigned __wrap_sleep(unsigned seconds)
{
	uint64_t until = sim_now(sim_current) + (uint64_t)seconds * NS_PER_S;

	return sleep_until(CALL_clock_nanosleep, until) < 0 ? (unsigned)(left_of(until) / NS_PER_S) : 0;
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

int __wrap_eventfd_read(int fd, eventfd_t *ret_value)
{
	return __wrap_read(fd, ret_value, sizeof *ret_value) == sizeof *ret_value ? 0 : -1;
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	return __wrap_write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}

int __wrap_timerfd_create(int clock, int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_timerfd_create, -1);
	int fd = kernel_timerfd(sim->kernel, SIM_SERVER);

	sim_made(sim, fd, SIM_TIMER, flags);
	if (fd >= 0)
		sim_file(sim, fd)->clock = clock;
	event.arg[0] = (uint64_t)flags;
	return (int)sim_end_call(sim, &event, fd);
}

/* What is left of a timer that expires at that time, and every so often from then on; at 0: none. */
static uint64_t timer_left(uint64_t at, uint64_t every)
{
	uint64_t now = sim_now(sim_current);

	if (!at || at > now)
		return at ? at - now : 0;
	return every ? every - (now - at) % every : 0;
}

static struct itimerspec timer_state(const struct sim_file *file)
{
	return (struct itimerspec){to_timespec(file->every), to_timespec(timer_left(file->at, file->every))};
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *old)
{
	struct sim *sim = sim_of_call();
	struct sim_file *file = sim_file(sim, fd);
	uint64_t at = of_timespec(&wanted->it_value), every = of_timespec(&wanted->it_interval);

	sim_flush_time(sim);
	if (at && file)
		at = flags & TFD_TIMER_ABSTIME ? of_clock(file->clock, at) : at + sim_now(sim);
	int r = kernel_timer(sim->kernel, SIM_SERVER, fd, at, every);
	if (r < 0) {
		errno = -r;
		return -1;
	}
	if (old)
		*old = timer_state(file);
	file->at = at;
	file->every = every;
	return 0;
}

int __wrap_timerfd_gettime(int fd, struct itimerspec *ret_state)
{
	const struct sim_file *file = sim_file(sim_of_call(), fd);

	if (!file || file->kind != SIM_TIMER) {
		errno = file ? EINVAL : EBADF;
		return -1;
	}
	*ret_state = timer_state(file);
	return 0;
}

/* SIGALRM then, and every so often from then on. 0. */
static int set_alarm(enum call call, uint64_t arg, uint64_t after, uint64_t every)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, -1);

	sim->alarm_at = after ? sim_now(sim) + after : 0;
	sim->alarm_every = every;
	event.arg[0] = arg;
	return (int)sim_end_call(sim, &event, 0);
}

unsigned __wrap_alarm(unsigned seconds)
{
	uint64_t left = timer_left(sim_current->alarm_at, 0);

	(void)set_alarm(CALL_alarm, seconds, (uint64_t)seconds * NS_PER_S, 0);
	return (unsigned)((left + NS_PER_S - 1) / NS_PER_S);
}

/* Those of ITIMER_VIRTUAL and ITIMER_PROF count CPU, of which a run uses next to none: they never expire. */
int __wrap_getitimer(int which, struct itimerval *ret_state)
{
	const struct sim *sim = sim_current;

	*ret_state = (struct itimerval){0};
	if (which == ITIMER_REAL)
		*ret_state = (struct itimerval){to_timeval(sim->alarm_every),
						to_timeval(timer_left(sim->alarm_at, sim->alarm_every))};
	return 0;
}

int __wrap_setitimer(int which, const struct itimerval *wanted, struct itimerval *old)
{
	if (old)
		(void)__wrap_getitimer(which, old);
	if (which != ITIMER_REAL)
		return 0;
	return set_alarm(CALL_setitimer, (uint64_t)which, of_timeval(&wanted->it_value),
			 of_timeval(&wanted->it_interval));
}
