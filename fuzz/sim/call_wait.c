/* SPDX-License-Identifier: MIT */
/* Waiting: epoll and poll. */
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

/* Under each number: a description may be there under several. */
static void note_registered(struct sim_registered *registered, int op, uint64_t data)
{
	if (op == EPOLL_CTL_ADD)
		registered->sets++;
	else if (op == EPOLL_CTL_DEL && registered->sets)
		registered->sets--;
	if (op != EPOLL_CTL_DEL || !registered->sets)
		registered->data = data;
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
	if (r == 0) {
		note_registered(&sim->registered[fd], op, event.arg[3]);
		sim_file(sim, fd)->edge = event.arg[2] & EPOLLET;
	}
	return (int)sim_end_call(sim, &event, r);
}

uint64_t sim_until(struct sim *sim, uint64_t timeout)
{
	return timeout == UINT64_MAX ? timeout : sim_now(sim) + timeout;
}

void sim_enter_wait(struct sim *sim, struct event *event, uint64_t most, uint64_t timeout)
{
	struct event entered = event_make(EV_ENTER, event->what);

	event->arg[0] = most;
	event->arg[1] = timeout;
	entered.fd = event->fd;
	entered.arg[0] = most;
	entered.arg[1] = timeout;
	sim_emit(sim, &entered);
}

int sim_end_wait(struct sim *sim, struct event *event, int64_t ret)
{
	if (ret != -EINTR)
		sim_restore_mask(sim);
	ret = sim_end_call(sim, event, ret);
	sim_restore_mask(sim);
	return (int)ret;
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
	const struct sim_hooks *hooks = sim->hooks;

	if (hooks->most && most > 0)
		most = hooks->most(hooks->arg, most);
	int count = kernel_epoll_wait(sim->kernel, SIM_SERVER, event->fd, found, most);
	if (hooks->order && count > 1)
		hooks->order(hooks->arg, found, count);
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
	uint64_t until = sim_until(sim, timeout);
	int64_t ret;
	int count;

	if (most <= 0)
		return sim_end_wait(sim, &event, -EINVAL);
	most = most < READY_MOST ? most : READY_MOST;
	sim_enter_wait(sim, &event, (uint64_t)most, timeout);
	if (sim_struck(sim, &event, 0, NULL, &ret)) {
		sim_restore_mask(sim);
		return (int)ret;
	}
	bool left = true, ready = set_ready(sim, epoll);
	if (!ready && sim_interrupted(sim, false))
		return sim_end_wait(sim, &event, -EINTR);
	if (sim_file(sim, epoll))
		left = sim_wait_once(sim, until, ready);
	while ((count = collect(sim, &event, events, most)) == 0 && left) {
		if (sim_interrupted(sim, false))
			return sim_end_wait(sim, &event, -EINTR);
		left = sim_wait_once(sim, until, false);
	}
	return sim_end_wait(sim, &event, count);
}

static uint64_t of_ms(int ms)
{
	return ms < 0 ? UINT64_MAX : (unsigned)ms * NS_PER_MS;
}

uint64_t sim_timeout(const struct timespec *time)
{
	return time ? (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec : UINT64_MAX;
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
	return wait_on(CALL_epoll_wait, epoll, events, most, of_ms(timeout));
}

int __wrap_epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask)
{
	sim_swap_mask(mask);
	return wait_on(CALL_epoll_pwait, epoll, events, most, of_ms(timeout));
}

int __wrap_epoll_pwait2(int epoll, struct epoll_event *events, int most, const struct timespec *timeout,
			const sigset_t *mask)
{
	sim_swap_mask(mask);
	return wait_on(CALL_epoll_pwait2, epoll, events, most, sim_timeout(timeout));
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

static int poll_for(enum call call, struct pollfd *fds, nfds_t count, uint64_t timeout)
{
	static struct ready ready[READY_MOST];
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, -1);
	uint64_t until = sim_until(sim, timeout);
	int64_t ret;
	int found;

	sim_enter_wait(sim, &event, count, timeout);
	if (sim_struck(sim, &event, 0, NULL, &ret)) {
		sim_restore_mask(sim);
		return (int)ret;
	}
	found = poll_once(sim, fds, count, ready, &event.size);
	if (!found && sim_interrupted(sim, false))
		return sim_end_wait(sim, &event, -EINTR);
	bool left = sim_wait_once(sim, until, found > 0);
	while ((found = poll_once(sim, fds, count, ready, &event.size)) == 0 && left) {
		if (sim_interrupted(sim, false))
			return sim_end_wait(sim, &event, -EINTR);
		left = sim_wait_once(sim, until, false);
	}
	event.data = found ? ready : NULL;
	return sim_end_wait(sim, &event, found);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return poll_for(CALL_poll, fds, count, of_ms(timeout));
}

int __wrap___poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
	(void)size;
	return __wrap_poll(fds, count, timeout);
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	sim_swap_mask(mask);
	return poll_for(CALL_ppoll, fds, count, sim_timeout(timeout));
}

int __wrap___ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
		       size_t size)
{
	(void)size;
	return __wrap_ppoll(fds, count, timeout, mask);
}
