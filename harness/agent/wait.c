/* SPDX-License-Identifier: MIT */
/* epoll and poll: told when they are entered and when they return. */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include "agent/agent.h"

#define FOR_EVER  UINT64_MAX
#define READY_MAX (EVENT_DATA_MAX / sizeof(struct ready))

EXPORT int agent_poll_chk(struct pollfd *fds, nfds_t count, int ms, size_t room) __asm__("__poll_chk");

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *from)
{
	struct agent_turn turn = agent_enter(CALL_epoll_ctl, fd);
	const struct agent_args *args = ARGS(epfd, op, fd, (long)from);
	struct epoll_event event = {0};
	struct agent_record *record;
	bool readable = true;
	long ret;

	agent_meet(&turn, CALL_epoll_ctl, (uint32_t)op);
	if (!turn.slot)
		return (int)agent_result(agent_slow(SYS_epoll_ctl, args));
	ret = agent_make(&turn, SYS_epoll_ctl, args);
	if (op != EPOLL_CTL_DEL)
		readable = agent_copy(ret, &event, from, sizeof event);
	record = agent_open(&turn, EV_CALL, CALL_epoll_ctl, fd, 0);
	record->ret = ret;
	record->arg[0] = (uint32_t)epfd;
	record->arg[1] = (uint32_t)op;
	record->arg[2] = readable ? event.events : 0;
	record->arg[3] = readable ? event.data.u64 : 0;
	if (!readable)
		record->flags |= EVF_UNREADABLE;
	agent_commit(&turn, record);
	return (int)agent_result(ret);
}

static uint64_t to_ns(int ms)
{
	return ms < 0 ? FOR_EVER : (uint64_t)ms * 1000000u;
}

static void tell_entry(const struct agent_turn *turn, enum call call, int fd, uint64_t most, uint64_t timeout)
{
	struct agent_record *record = agent_open(turn, EV_ENTER, call, fd, 0);

	record->arg[0] = most;
	record->arg[1] = timeout;
	agent_commit(turn, record);
}

static void tell_epoll(const struct agent_turn *turn, enum call call, int epfd, long ret,
		       const struct epoll_event *events, uint64_t most, uint64_t timeout)
{
	size_t count = ret < 0 ? 0 : (size_t)ret < READY_MAX ? (size_t)ret : READY_MAX;
	struct agent_record *record;
	struct ready *ready;

	if (ret == -AGENT_TOLD)
		return;
	record = agent_open(turn, EV_CALL, call, epfd, count * sizeof *ready);
	ready = agent_data(record);
	record->ret = ret;
	record->arg[0] = most;
	record->arg[1] = timeout;
	if (ret > 0 && (size_t)ret > count)
		record->flags |= EVF_TRUNCATED;
	for (size_t i = 0; i < count; i++)
		ready[i] = (struct ready){.data = events[i].data.u64, .events = events[i].events, .fd = -1};
	agent_commit(turn, record);
}

static int wait_epoll(enum call call, long number, const struct agent_args *args)
{
	int epfd = (int)args->arg[0];
	struct agent_turn turn = agent_begin(call, epfd);
	uint64_t most = (uint32_t)args->arg[2], timeout = to_ns((int)args->arg[3]);
	long ret;

	if (turn.slot)
		tell_entry(&turn, call, epfd, most, timeout);
	ret = agent_asleep(&turn, number, args);
	if (turn.slot)
		tell_epoll(&turn, call, epfd, ret, (const struct epoll_event *)args->arg[1], most, timeout);
	return (int)agent_result(ret);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int most, int ms, const sigset_t *mask)
{
	/* The kernel's set has a bit a signal, whatever room libc's has. */
	return wait_epoll(CALL_epoll_pwait, SYS_epoll_pwait,
			  ARGS(epfd, (long)events, most, ms, (long)mask, NSIG / 8));
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int most, int ms)
{
#ifdef SYS_epoll_wait
	return wait_epoll(CALL_epoll_wait, SYS_epoll_wait, ARGS(epfd, (long)events, most, ms));
#else
	return epoll_pwait(epfd, events, most, ms, NULL);
#endif
}

#ifdef SYS_poll

static size_t count_ready(const struct pollfd *fds, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count && found < READY_MAX; i++)
		found += fds[i].revents != 0;
	return found;
}

static void tell_poll(const struct agent_turn *turn, long ret, const struct pollfd *fds, size_t count,
		      uint64_t timeout)
{
	size_t found, at = 0;
	struct agent_record *record;
	struct ready *ready;

	if (ret == -AGENT_TOLD)
		return;
	found = ret > 0 ? count_ready(fds, count) : 0;
	record = agent_open(turn, EV_CALL, CALL_poll, -1, found * sizeof *ready);
	ready = agent_data(record);
	record->ret = ret;
	record->arg[0] = (uint32_t)count;
	record->arg[1] = timeout;
	if (ret > 0 && (size_t)ret > found)
		record->flags |= EVF_TRUNCATED;
	for (size_t i = 0; at < found && i < count; i++)
		if (fds[i].revents)
			ready[at++] = (struct ready){.data = (uint16_t)fds[i].events,
						     .events = (uint16_t)fds[i].revents,
						     .fd = fds[i].fd};
	record->data_size = (uint32_t)(at * sizeof *ready);
	agent_commit(turn, record);
}

EXPORT int poll(struct pollfd *fds, nfds_t count, int ms)
{
	struct agent_turn turn = agent_begin(CALL_poll, -1);
	const struct agent_args *args = ARGS((long)fds, (long)count, ms);
	long ret;

	if (turn.slot)
		tell_entry(&turn, CALL_poll, -1, (uint32_t)count, to_ns(ms));
	ret = agent_asleep(&turn, SYS_poll, args);
	if (turn.slot)
		tell_poll(&turn, ret, fds, (uint32_t)count, to_ns(ms));
	return (int)agent_result(ret);
}

int agent_poll_chk(struct pollfd *fds, nfds_t count, int ms, size_t room)
{
	if (room / sizeof *fds < count)
		__builtin_trap();
	return poll(fds, count, ms);
}

#endif
