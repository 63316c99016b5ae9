/* SPDX-License-Identifier: MIT */
/* Waiting: select and pselect. */
#include "fuzz/sim/sim_impl.h"

#include <sys/epoll.h>
#include <sys/select.h>
#include "base/clock.h"
#include "fuzz/sim/wrap.h"

/* The three sets of a select; NULL: not asked about. */
struct selection {
	int count;
	fd_set *sets[3];
};

/* What makes a descriptor ready for each of them: fs/select.c. */
static const uint32_t select_masks[] = {EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR,
					EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR, EPOLLPRI};
static const uint32_t select_tells[] = {EPOLLIN, EPOLLOUT, EPOLLPRI};

/* What is ready of those asked about, in ret_found; how many bits, -EBADF. ready gets them for the journal.
 */
static int select_once(struct sim *sim, const struct selection *asked, fd_set ret_found[3],
		       struct ready *ready, uint32_t *ret_size)
{
	int bits = 0;

	*ret_size = 0;
	for (int i = 0; i < 3; i++)
		FD_ZERO(&ret_found[i]);
	for (int fd = 0; fd < asked->count; fd++) {
		struct ready one = {.fd = fd};
		uint32_t mask = 0;
		for (int i = 0; i < 3; i++)
			one.data |= asked->sets[i] && FD_ISSET(fd, asked->sets[i]) ? select_tells[i] : 0;
		if (one.data && kernel_mask(sim->kernel, SIM_SERVER, fd, &mask) < 0)
			return -EBADF;
		for (int i = 0; i < 3; i++) {
			if (!(one.data & select_tells[i]) || !(mask & select_masks[i]))
				continue;
			FD_SET(fd, &ret_found[i]);
			one.events |= select_tells[i];
			bits++;
		}
		if (one.events) {
			ready[*ret_size / sizeof one] = one;
			*ret_size += (uint32_t)sizeof one;
		}
	}
	return bits;
}

static int select_for(enum call call, const struct selection *asked, uint64_t timeout)
{
	static struct ready ready[FD_SETSIZE];
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, -1);
	uint64_t until = sim_until(sim, timeout);
	fd_set found[3];
	int64_t ret;

	sim_enter_wait(sim, &event, (uint64_t)asked->count, timeout);
	if (asked->count < 0 || asked->count > FD_SETSIZE)
		return sim_end_wait(sim, &event, -EINVAL);
	if (sim_struck(sim, &event, 0, NULL, &ret)) {
		sim_restore_mask(sim);
		return (int)ret;
	}
	int bits = select_once(sim, asked, found, ready, &event.size);
	if (!bits && sim_interrupted(sim, false))
		return sim_end_wait(sim, &event, -EINTR);
	bool left = bits < 0 || sim_wait_once(sim, until, bits > 0);
	while ((bits = select_once(sim, asked, found, ready, &event.size)) == 0 && left) {
		if (sim_interrupted(sim, false))
			return sim_end_wait(sim, &event, -EINTR);
		left = sim_wait_once(sim, until, false);
	}
	for (int i = 0; i < 3 && bits >= 0; i++)
		if (asked->sets[i])
			*asked->sets[i] = found[i];
	event.data = bits > 0 ? ready : NULL;
	event.size = bits > 0 ? event.size : 0;
	return sim_end_wait(sim, &event, bits);
}

/* Linux says what is left of the time. */
int __wrap_select(int count, fd_set *reads, fd_set *writes, fd_set *others, struct timeval *timeout)
{
	uint64_t ns = timeout ? (uint64_t)timeout->tv_sec * NS_PER_S + (uint64_t)timeout->tv_usec * NS_PER_US
			      : UINT64_MAX;
	uint64_t until = sim_until(sim_current, ns);
	int bits = select_for(CALL_select, &(struct selection){count, {reads, writes, others}}, ns);
	uint64_t now = sim_now(sim_current), left = until > now ? until - now : 0;

	if (timeout)
		*timeout = (struct timeval){(time_t)(left / NS_PER_S), (long)(left % NS_PER_S / NS_PER_US)};
	return bits;
}

int __wrap_pselect(int count, fd_set *reads, fd_set *writes, fd_set *others, const struct timespec *timeout,
		   const sigset_t *mask)
{
	sim_swap_mask(mask);
	return select_for(CALL_pselect6, &(struct selection){count, {reads, writes, others}},
			  sim_timeout(timeout));
}
