/* SPDX-License-Identifier: MIT */
/* Waiting: epoll, poll, and what else takes time. */
#include "fuzz/sim/sim_impl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "fuzz/sim/wrap.h"

#define READY_MOST 1024

static int create(enum call call, int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, -1);

	event.arg[0] = (uint64_t)flags;
	int fd = kernel_epoll(sim->kernel, SIM_SERVER);
	sim_made(sim, fd, SIM_SET, 0);
	return (int)sim_end_call(sim, &event, fd);
}

int __wrap_epoll_create(int size)
{
	(void)size;
	return create(CALL_epoll_create, 0);
}

int __wrap_epoll_create1(int flags)
{
	return create(CALL_epoll_create1, flags);
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *wanted)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_epoll_ctl, fd);
	int64_t ret;

	event.arg[0] = (uint64_t)epoll;
	event.arg[1] = (uint64_t)op;
	if (op != EPOLL_CTL_DEL && wanted) {
		event.arg[2] = wanted->events;
		event.arg[3] = wanted->data.u64;
	}
	if (sim_struck(sim, &event, (uint64_t)op, NULL, &ret))
		return (int)ret;
	int r =
	    kernel_epoll_ctl(sim->kernel, SIM_SERVER, epoll, op, fd, (uint32_t)event.arg[2], event.arg[3]);
	return (int)sim_end_call(sim, &event, r);
}

static uint64_t until_of(struct sim *sim, uint64_t timeout)
{
	return timeout == UINT64_MAX ? timeout : sim_now(sim) + timeout;
}

static void enter(struct sim *sim, enum call call, int fd, uint64_t most, uint64_t timeout)
{
	struct event event = event_make(EV_ENTER, call);

	event.fd = fd;
	event.arg[0] = most;
	event.arg[1] = timeout;
	sim_emit(sim, &event);
}

static bool set_ready(struct sim *sim, int epoll)
{
	uint32_t mask = 0;

	(void)kernel_mask(sim->kernel, SIM_SERVER, epoll, &mask);
	return mask & EPOLLIN;
}

static int collect(struct sim *sim, struct event *event, struct epoll_event *events, int most)
{
	static struct kernel_event found[READY_MOST];
	static struct ready ready[READY_MOST];
	int count = kernel_epoll_wait(sim->kernel, SIM_SERVER, event->fd, found, most);

	for (int i = 0; i < count; i++) {
		events[i].events = found[i].events;
		events[i].data.u64 = found[i].data;
		ready[i] = (struct ready){.data = found[i].data, .events = found[i].events, .fd = -1};
	}
	event->data = count > 0 ? ready : NULL;
	event->size = count > 0 ? (uint32_t)((size_t)count * sizeof *ready) : 0;
	return count;
}

static int wait_on(enum call call, int epoll, struct epoll_event *events, int most, uint64_t timeout)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, epoll);
	uint64_t until = until_of(sim, timeout);
	int64_t ret;
	int count;

	most = most < READY_MOST ? most : READY_MOST;
	enter(sim, call, epoll, (uint64_t)most, timeout);
	event.arg[0] = (uint64_t)most;
	event.arg[1] = timeout;
	if (sim_struck(sim, &event, 0, NULL, &ret))
		return (int)ret;
	bool left = true;
	if (sim_file(sim, epoll))
		left = sim_wait_once(sim, until, set_ready(sim, epoll));
	while ((count = collect(sim, &event, events, most)) == 0 && left) {
		if (sim_interrupted(sim))
			return (int)sim_end_call(sim, &event, -EINTR);
		left = sim_wait_once(sim, until, false);
	}
	return (int)sim_end_call(sim, &event, count);
}

static uint64_t of_ms(int ms)
{
	return ms < 0 ? UINT64_MAX : (unsigned)ms * NS_PER_MS;
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
	return wait_on(CALL_epoll_wait, epoll, events, most, of_ms(timeout));
}

int __wrap_epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask)
{
	(void)mask;
	return wait_on(CALL_epoll_pwait, epoll, events, most, of_ms(timeout));
}

/* Asks about each; data, where it is wanted, gets those that are ready. */
static int poll_once(struct sim *sim, struct pollfd *fds, nfds_t count, struct ready *ready,
		     uint32_t *ret_size)
{
	uint32_t said, found = 0;

	for (nfds_t i = 0; i < count; i++) {
		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		int r = kernel_mask(sim->kernel, SIM_SERVER, fds[i].fd, &said);
		uint32_t wanted = (uint32_t)(unsigned short)fds[i].events | POLLERR | POLLHUP;
		uint32_t mask = r < 0 ? POLLNVAL : said & wanted;
		fds[i].revents = (short)mask;
		if (mask && found < READY_MOST)
			ready[found++] = (struct ready){(uint64_t)fds[i].events, mask, fds[i].fd};
	}
	*ret_size = found * (uint32_t)sizeof *ready;
	return (int)found;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	static struct ready ready[READY_MOST];
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_poll, -1);
	uint64_t until = until_of(sim, of_ms(timeout));
	int64_t ret;
	int found;

	enter(sim, CALL_poll, -1, count, of_ms(timeout));
	event.arg[0] = count;
	event.arg[1] = of_ms(timeout);
	if (sim_struck(sim, &event, 0, NULL, &ret))
		return (int)ret;
	bool left = sim_wait_once(sim, until, poll_once(sim, fds, count, ready, &event.size) > 0);
	while ((found = poll_once(sim, fds, count, ready, &event.size)) == 0 && left) {
		if (sim_interrupted(sim))
			return (int)sim_end_call(sim, &event, -EINTR);
		left = sim_wait_once(sim, until, false);
	}
	event.data = found ? ready : NULL;
	return (int)sim_end_call(sim, &event, found);
}

static int sleep_for(enum call call, uint64_t ns)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, -1);
	uint64_t until = sim_now(sim) + ns;

	while (sim_wait_once(sim, until, false))
		;
	return (int)sim_end_call(sim, &event, 0);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	if (left)
		*left = (struct timespec){0};
	return sleep_for(CALL_nanosleep, (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec);
}

int __wrap_usleep(useconds_t us)
{
	return sleep_for(CALL_clock_nanosleep, (uint64_t)us * NS_PER_US);
}

unsigned __wrap_sleep(unsigned seconds)
{
	(void)sleep_for(CALL_clock_nanosleep, (uint64_t)seconds * NS_PER_S);
	return 0;
}
