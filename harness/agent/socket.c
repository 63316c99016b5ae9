/* SPDX-License-Identifier: MIT */
/* Calls that make, set up and end sockets. */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "agent/agent.h"

#define ADDRESS_MAX sizeof(struct sockaddr_storage)

EXPORT int socket(int domain, int type, int protocol)
{
	return (int)agent_plain(CALL_socket, SYS_socket, ARGS(domain, type, protocol), -1,
				PLAIN((uint32_t)domain, (uint32_t)type, (uint32_t)protocol));
}

EXPORT int shutdown(int fd, int how)
{
	return (int)agent_plain(CALL_shutdown, SYS_shutdown, ARGS(fd, how), fd, PLAIN((uint32_t)how));
}

/* A call with an address, or the rest of it, behind its record. */
static void tell_data(const struct agent_turn *turn, enum call call, int fd, long ret, uint64_t first,
		      const void *data, size_t size)
{
	struct agent_record *record;

	if (ret == -AGENT_TOLD)
		return;
	record = agent_open(turn, EV_CALL, call, fd, size);
	record->ret = ret;
	record->arg[0] = first;
	if (!agent_copy(0, agent_data(record), data, size))
		record->data_size = 0;
	agent_commit(turn, record);
}

/* Whom it was: as the kernel wrote it, or asked of the new socket. */
static size_t peer_of(long fd, const struct sockaddr *address, const socklen_t *size,
		      struct sockaddr_storage *room)
{
	socklen_t many = sizeof *room;

	if (address && size) {
		many = *size < ADDRESS_MAX ? *size : ADDRESS_MAX;
		(void)agent_copy(0, room, address, many);
		return many;
	}
	if (agent_fast(SYS_getpeername, ARGS(fd, (long)room, (long)&many)) < 0)
		return 0;
	return many < ADDRESS_MAX ? many : ADDRESS_MAX;
}

static uint16_t port_of(const struct sockaddr_storage *address, size_t size)
{
	if (size < sizeof(struct sockaddr_in))
		return 0;
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	return address->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)address)->sin6_port) : 0;
}

static int accepting(enum call call, long number, int fd, struct sockaddr *address, socklen_t *size,
		     int flags)
{
	struct agent_turn turn = agent_begin(call, fd);
	const struct agent_args *args = ARGS(fd, (long)address, (long)size, flags, 0, AGENT_KNOWS);
	struct sockaddr_storage peer;
	size_t known = 0;
	long ret;

	ret = agent_asleep(&turn, number, args);
	if (ret >= 0 && agent_started() && !agent_confined()) {
		known = peer_of(ret, address, size, &peer);
		agent_remember((int)ret, port_of(&peer, known));
	}
	if (turn.slot)
		tell_data(&turn, call, fd, ret, (uint32_t)flags, &peer, known);
	return (int)agent_result(ret);
}

EXPORT int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict size)
{
	return accepting(CALL_accept, SYS_accept, fd, address, size, 0);
}

EXPORT int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
	return accepting(CALL_accept4, SYS_accept4, fd, address, size, flags);
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct agent_turn turn = agent_enter(CALL_connect, fd);
	const struct agent_args *args = ARGS(fd, (long)address, size);
	struct sockaddr_storage copy;
	long ret;

	if (turn.slot && (size > sizeof copy || !agent_copy(-EFAULT, &copy, address, size)))
		turn.slot = NULL;
	agent_meet(&turn, CALL_connect, 0);
	if (!turn.slot)
		return (int)agent_result(agent_slow(SYS_connect, args));
	ret = agent_make(&turn, SYS_connect, args);
	tell_data(&turn, CALL_connect, fd, ret, 0, &copy, size);
	return (int)agent_result(ret);
}

static void tell_option(const struct agent_turn *turn, enum call call, int fd, long ret, const int name[2],
			uint64_t value, bool readable)
{
	struct agent_record *record;

	if (ret == -AGENT_TOLD)
		return;
	record = agent_open(turn, EV_CALL, call, fd, 0);
	record->ret = ret;
	record->arg[0] = (uint32_t)name[0];
	record->arg[1] = (uint32_t)name[1];
	record->arg[2] = value;
	if (!readable)
		record->flags |= EVF_UNREADABLE;
	agent_commit(turn, record);
}

EXPORT int setsockopt(int fd, int level, int name, const void *from, socklen_t size)
{
	struct agent_turn turn = agent_begin(CALL_setsockopt, fd);
	const struct agent_args *args = ARGS(fd, level, name, (long)from, size);
	uint64_t value = 0;
	bool readable = true;
	long ret;

	if (!turn.slot)
		return (int)agent_result(agent_slow(SYS_setsockopt, args));
	ret = agent_make(&turn, SYS_setsockopt, args);
	if (size)
		readable = agent_copy(ret, &value, from, size < sizeof value ? size : sizeof value);
	tell_option(&turn, CALL_setsockopt, fd, ret, (int[]){level, name}, value, readable);
	return (int)agent_result(ret);
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict to, socklen_t *restrict size)
{
	struct agent_turn turn = agent_begin(CALL_getsockopt, fd);
	const struct agent_args *args = ARGS(fd, level, name, (long)to, (long)size);
	uint64_t value = 0;
	long ret;

	if (!turn.slot)
		return (int)agent_result(agent_slow(SYS_getsockopt, args));
	ret = agent_make(&turn, SYS_getsockopt, args);
	if (ret >= 0)
		(void)agent_copy(ret, &value, to, *size < sizeof value ? *size : sizeof value);
	tell_option(&turn, CALL_getsockopt, fd, ret, (int[]){level, name}, value, true);
	return (int)agent_result(ret);
}

/* As watch/borrow.c asks it: bytes unread, and when there are any the other two. The number is open unless
 * this says EBADF. */
static bool ask_queues(int fd, uint64_t queues[3])
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	int unread = 0, unacked = 0;
	long ret = agent_fast(SYS_ioctl, ARGS(fd, SIOCINQ, (long)&unread));

	if (ret == -EBADF)
		return false;
	if (ret < 0 || unread <= 0 ||
	    agent_fast(SYS_getsockopt, ARGS(fd, IPPROTO_TCP, TCP_INFO, (long)&info, (long)&size)) < 0 ||
	    agent_fast(SYS_ioctl, ARGS(fd, SIOCOUTQ, (long)&unacked)) < 0)
		return true;
	queues[0] = (uint64_t)unread;
	queues[1] = unacked > 0 ? (uint64_t)unacked : 0;
	queues[2] = info.tcpi_state;
	return true;
}

/* Told before the kernel acts: behind it another thread may be given the number. (What it says of sockets
 * that were not accepted the watcher drops.) */
EXPORT int close(int fd)
{
	struct agent_turn turn = agent_begin(CALL_close, fd);
	const struct agent_args *args = ARGS(fd, 0, 0, 0, 0, AGENT_KNOWS);
	uint64_t queues[3] = {0};
	long ret;

	agent_forget(fd);
	if (!turn.slot)
		return (int)agent_result(agent_slow(SYS_close, args));
	if (!turn.struck && ask_queues(fd, queues)) {
		agent_tell(&turn, CALL_close, fd, 0, queues);
		ret = agent_fast(SYS_close, args);
		return (int)agent_result(ret);
	}
	ret = agent_make(&turn, SYS_close, args);
	agent_tell(&turn, CALL_close, fd, ret, queues);
	return (int)agent_result(ret);
}
