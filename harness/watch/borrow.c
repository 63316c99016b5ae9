/* SPDX-License-Identifier: MIT */
#include "watch/borrow.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "watch/numbers.h"

uint32_t borrow_address(int pidfd, int fd, bool peer, struct sockaddr_storage *ret_address)
{
	socklen_t size = sizeof *ret_address;
	int copy, ret;

	if (pidfd < 0)
		return 0;
	copy = (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0)
		return 0;
	if (peer)
		ret = getpeername(copy, (struct sockaddr *)ret_address, &size);
	else
		ret = getsockname(copy, (struct sockaddr *)ret_address, &size);
	close(copy);
	if (ret < 0)
		return 0;
	return size < sizeof *ret_address ? size : sizeof *ret_address;
}

/* A connection has one question asked of it, and the others only when there is something to explain. */
static bool ask_queues(int copy, int *unread, int *unacked, uint8_t *state)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;

	if (ioctl(copy, SIOCINQ, unread) < 0 || *unread <= 0)
		return false;
	if (getsockopt(copy, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return false;
	*state = info.tcpi_state;
	return ioctl(copy, SIOCOUTQ, unacked) == 0;
}

void borrow_queues(int pidfd, int fd, uint64_t *ret_unread, uint64_t *ret_unacked, uint64_t *ret_state)
{
	int copy = pidfd < 0 ? -1 : (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0);
	int unread = 0, unacked = 0;
	uint8_t state = 0;
	bool waits;

	*ret_unread = *ret_unacked = *ret_state = 0;
	if (copy < 0)
		return;
	waits = ask_queues(copy, &unread, &unacked, &state);
	close(copy);
	if (!waits)
		return;
	*ret_unread = (uint64_t)unread;
	*ret_unacked = unacked > 0 ? (uint64_t)unacked : 0;
	*ret_state = state;
}

bool borrow_nonblocking(int pidfd, int fd)
{
	int copy = pidfd < 0 ? -1 : (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0), flags;

	if (copy < 0)
		return true;
	flags = fcntl(copy, F_GETFL);
	close(copy);
	return flags < 0 || (flags & O_NONBLOCK);
}

static int ask_option(int pidfd, int fd, int name)
{
	int copy = pidfd < 0 ? -1 : (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0), value = -1;
	socklen_t size = sizeof value;

	if (copy < 0)
		return -1;
	if (getsockopt(copy, SOL_SOCKET, name, &value, &size) < 0)
		value = -1;
	close(copy);
	return value;
}

bool borrow_listens(int pidfd, int fd)
{
	return ask_option(pidfd, fd, SO_ACCEPTCONN) == 1;
}

bool borrow_is_tcp(int pidfd, int fd)
{
	int domain = ask_option(pidfd, fd, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) && ask_option(pidfd, fd, SO_PROTOCOL) == IPPROTO_TCP;
}
