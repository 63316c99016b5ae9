/* SPDX-License-Identifier: MIT */
#include "common/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH  64 /* connections in one go */
#define ACCEPT_ERRORS 16 /* failures in a row that count as a shortage too */

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

static int open_with(int option, uint16_t port, int backlog)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (set(fd, SOL_SOCKET, option, 1) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, backlog) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int listener_open(uint16_t port, int backlog)
{
	return open_with(SO_REUSEADDR, port, backlog);
}

int listener_open_shared(uint16_t port, int backlog)
{
	return open_with(SO_REUSEPORT, port, backlog);
}

int listener_port(int listener)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;

	if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	return ntohs(address.sin_port);
}

int listener_announce(int listener)
{
	int port = listener_port(listener);

	if (port < 0)
		return port;
	printf("%d\n", port);
	return fflush(stdout) == 0 ? 0 : -errno;
}

/* accept(2): these are about the connection at the head of the queue, which is gone now. */
enum accept_result accept_failed(int error)
{
	switch (error) {
	case EAGAIN:
		return ACCEPT_NONE;
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ETIMEDOUT:
		return ACCEPT_NEXT;
	default: /* EMFILE, ENFILE, ENOBUFS, ENOMEM, and what nobody has thought of */
		return ACCEPT_LATER;
	}
}

void listener_tune(int fd)
{
	/* These fail only on a connection that is dead already, and then its first read says so. */
	(void)set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	(void)set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	(void)set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
	(void)set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
	(void)set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

enum accept_result listener_accept(int listener, int *ret_fd)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return accept_failed(errno);
	listener_tune(fd);
	*ret_fd = fd;
	return ACCEPT_GOT;
}

enum accept_result listener_accept_some(int listener, void (*admit)(void *server, int fd), void *server)
{
	int failures = 0, fd = -1;

	for (int i = 0; i < ACCEPT_BATCH && failures < ACCEPT_ERRORS; i++) {
		enum accept_result result = listener_accept(listener, &fd);

		if (result == ACCEPT_NONE || result == ACCEPT_LATER)
			return result;
		failures = result == ACCEPT_GOT ? 0 : failures + 1;
		if (result == ACCEPT_GOT)
			admit(server, fd);
	}
	return failures < ACCEPT_ERRORS ? ACCEPT_GOT : ACCEPT_LATER;
}
