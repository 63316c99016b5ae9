/* SPDX-License-Identifier: MIT */
/* Sockets and numbers: socket(2), bind, listen, accept, options, close, dup, fcntl. */
#include "fuzz/sim/sim_impl.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fuzz/sim/wrap.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* For the journal. */
static struct sockaddr_in address_of(int port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* Everybody is at the loopback address; to a socket of IPv6 that is one of IPv4, mapped. */
static void give_address(int domain, int port, struct sockaddr *address, socklen_t *size)
{
	struct sockaddr_in six_less = address_of(port);
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	sa_family_t family = AF_UNIX;
	const void *made = domain == AF_INET6  ? (const void *)&six
			   : domain == AF_UNIX ? (const void *)&family
					       : &six_less;
	socklen_t whole = domain == AF_INET6  ? sizeof six
			  : domain == AF_UNIX ? sizeof family
					      : sizeof six_less;

	if (!address || !size)
		return;
	memcpy(six.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	memcpy(address, made, *size < whole ? *size : whole);
	*size = whole;
}

int __wrap_socket(int domain, int type, int protocol)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_socket, -1);
	int64_t ret;

	event.arg[0] = (uint64_t)domain;
	event.arg[1] = (uint64_t)type;
	event.arg[2] = (uint64_t)protocol;
	if (sim_struck(sim, &event, 0, NULL, &ret))
		return (int)ret;
	if ((type & ~FLAGS) != SOCK_STREAM || (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX))
		return (int)sim_end_call(sim, &event, -EAFNOSUPPORT);
	int fd = kernel_socket(sim->kernel, SIM_SERVER, domain == AF_UNIX ? KERNEL_UNIX : KERNEL_TCP);
	sim_made(sim, fd, SIM_STREAM, type);
	if (fd >= 0)
		sim_file(sim, fd)->domain = domain;
	return (int)sim_end_call(sim, &event, fd);
}

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_socketpair, -1);
	int r = kernel_pair(sim->kernel, SIM_SERVER, domain == AF_UNIX ? KERNEL_UNIX : KERNEL_TCP, fds);

	(void)protocol;
	for (int i = 0; r == 0 && i < 2; i++) {
		sim_made(sim, fds[i], SIM_OTHER, type);
		event.arg[2 + i] = (uint64_t)fds[i];
	}
	return (int)sim_end_call(sim, &event, r);
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_bind, fd);
	int port =
	    size >= sizeof(struct sockaddr_in) ? ntohs(((const struct sockaddr_in *)address)->sin_port) : 0;
	int r = kernel_bind(sim->kernel, SIM_SERVER, fd, port);

	return (int)sim_end_call(sim, &event, r < 0 ? r : 0);
}

int __wrap_listen(int fd, int backlog)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_listen, fd);
	int r = kernel_listen(sim->kernel, SIM_SERVER, fd, backlog);
	struct sockaddr_in address = {0};

	if (r == 0) {
		sim_file(sim, fd)->kind = SIM_LISTENER;
		sim->port = sim->port ? sim->port : kernel_port(sim->kernel, SIM_SERVER, fd);
		address = address_of(kernel_port(sim->kernel, SIM_SERVER, fd));
		event.data = &address;
		event.size = sizeof address;
	}
	event.arg[0] = (uint64_t)backlog;
	return (int)sim_end_call(sim, &event, r);
}

static int accept_as(enum call call, int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, fd);
	struct sockaddr_in from;
	int64_t ret;

	event.arg[0] = (uint64_t)flags;
	if (sim_struck(sim, &event, 0, NULL, &ret))
		return (int)ret;
	int r = kernel_accept(sim->kernel, SIM_SERVER, fd);
	const struct sim_file *listener = sim_file(sim, fd);
	while (r == -EAGAIN && listener && !listener->nonblock)
		r = sim_block(sim, &event) ? kernel_accept(sim->kernel, SIM_SERVER, fd) : -EINTR;
	if (r >= 0) {
		sim_made(sim, r, SIM_STREAM, flags);
		sim_file(sim, r)->accepted = true;
		sim_file(sim, r)->keepalive = listener->keepalive;
		sim_file(sim, r)->domain = listener->domain;
		int port = kernel_peer_port(sim->kernel, SIM_SERVER, r);
		from = address_of(port < 0 ? 0 : port);
		give_address(listener->domain, port < 0 ? 0 : port, address, size);
		event.data = &from;
		event.size = sizeof from;
	}
	return (int)sim_end_call(sim, &event, r);
}

int __wrap_accept(int fd, struct sockaddr *address, socklen_t *size)
{
	return accept_as(CALL_accept, fd, address, size, 0);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	return accept_as(CALL_accept4, fd, address, size, flags);
}

/* A blocking connect: until there is an answer. */
static int await_connection(struct sim *sim, int fd, const struct event *event)
{
	uint32_t mask = 0;

	while (kernel_mask(sim->kernel, SIM_SERVER, fd, &mask) == 0 && !(mask & EPOLLOUT))
		if (!sim_block(sim, event))
			return -EINTR;
	return -kernel_so_error(sim->kernel, SIM_SERVER, fd);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_connect, fd);
	int64_t ret;

	event.data = address;
	event.size = size;
	if (sim_struck(sim, &event, 0, NULL, &ret))
		return (int)ret;
	int port = ntohs(((const struct sockaddr_in *)address)->sin_port);
	int r = kernel_connect(sim->kernel, SIM_SERVER, fd, port);
	if (r == -EINPROGRESS && !sim_file(sim, fd)->nonblock)
		r = await_connection(sim, fd, &event);
	return (int)sim_end_call(sim, &event, r);
}

/* Not journalled: they change nothing. */
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
	int port = kernel_port(sim_of_call()->kernel, SIM_SERVER, fd);

	if (port < 0) {
		errno = -port;
		return -1;
	}
	give_address(sim_file(sim_current, fd)->domain, port, address, size);
	return 0;
}

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
	int port = kernel_peer_port(sim_of_call()->kernel, SIM_SERVER, fd);

	if (port < 0) {
		errno = -port;
		return -1;
	}
	give_address(sim_file(sim_current, fd)->domain, port, address, size);
	return 0;
}

int __wrap_shutdown(int fd, int how)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_shutdown, fd);

	event.arg[0] = (uint64_t)how;
	return (int)sim_end_call(sim, &event,
				 kernel_shutdown(sim->kernel, SIM_SERVER, fd, (enum kernel_how)how));
}

static void note_option(struct sim *sim, int fd, int name, const void *value, socklen_t size)
{
	struct sim_file *file = sim_file(sim, fd);
	int number = 0;

	memcpy(&number, value, size < sizeof number ? size : sizeof number);
	if (name == SO_KEEPALIVE)
		file->keepalive = number != 0;
	if (name == SO_OOBINLINE)
		(void)kernel_inline(sim->kernel, SIM_SERVER, fd, number != 0);
	if (name != SO_LINGER || size < sizeof(struct linger))
		return;
	const struct linger *linger = value;
	(void)kernel_linger(sim->kernel, SIM_SERVER, fd, linger->l_onoff && linger->l_linger == 0);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_setsockopt, fd);
	int64_t ret;

	event.arg[0] = (uint64_t)level;
	event.arg[1] = (uint64_t)name;
	memcpy(&event.arg[2], value, size < sizeof event.arg[2] ? size : sizeof event.arg[2]);
	if (sim_struck(sim, &event, 0, NULL, &ret))
		return (int)ret;
	int r = kernel_port(sim->kernel, SIM_SERVER, fd);
	if (r >= 0 && level == SOL_SOCKET)
		note_option(sim, fd, name, value, size);
	return (int)sim_end_call(sim, &event, r < 0 ? r : 0);
}

static int option_value(struct sim *sim, int fd, int level, int name)
{
	const struct sim_file *file = sim_file(sim, fd);

	if (level != SOL_SOCKET || !file)
		return 0;
	if (name == SO_ERROR)
		return kernel_so_error(sim->kernel, SIM_SERVER, fd);
	if (name == SO_TYPE)
		return SOCK_STREAM;
	if (name == SO_DOMAIN)
		return file->domain;
	if (name == SO_PROTOCOL)
		return file->domain == AF_UNIX ? 0 : IPPROTO_TCP;
	if (name == SO_ACCEPTCONN)
		return file->kind == SIM_LISTENER;
	return name == SO_KEEPALIVE ? file->keepalive : 65536;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_getsockopt, fd);
	int r = kernel_port(sim->kernel, SIM_SERVER, fd),
	    number = r < 0 ? 0 : option_value(sim, fd, level, name);

	event.arg[0] = (uint64_t)level;
	event.arg[1] = (uint64_t)name;
	event.arg[2] = (uint64_t)number;
	if (r >= 0) {
		*size = *size < sizeof number ? *size : (socklen_t)sizeof number;
		memcpy(value, &number, *size);
	}
	return (int)sim_end_call(sim, &event, r < 0 ? r : 0);
}

int __wrap_close(int fd)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_close, fd);
	const struct sim_file *file = sim_file(sim, fd);

	if (file && file->accepted) {
		int queued = kernel_queued(sim->kernel, SIM_SERVER, fd);
		event.arg[0] = queued > 0 ? (uint64_t)queued : 0;
		event.arg[2] = (uint64_t)kernel_state(sim->kernel, SIM_SERVER, fd);
	}
	int64_t ret = kernel_close(sim->kernel, SIM_SERVER, fd);
	if (ret == 0)
		sim->registered[fd] = (struct sim_registered){0};
	return (int)sim_end_call(sim, &event, ret);
}

int __wrap_dup(int fd)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_dup, fd);

	return (int)sim_end_call(sim, &event, kernel_dup(sim->kernel, SIM_SERVER, fd));
}

static int dup_as(enum call call, int fd, int to)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(call, fd);

	return (int)sim_end_call(sim, &event, kernel_dup_to(sim->kernel, SIM_SERVER, fd, to));
}

int __wrap_dup2(int fd, int to)
{
	return dup_as(CALL_dup2, fd, to);
}

int __wrap_dup3(int fd, int to, int flags)
{
	(void)flags;
	return dup_as(CALL_dup3, fd, to);
}

/* To the first free number from there on. */
static int dup_from(struct sim *sim, int fd, int least)
{
	if (least < 0 || least >= sim->limit)
		return -EINVAL;
	while (least < sim->limit && kernel_is_open(sim->kernel, SIM_SERVER, least))
		least++;
	return least < sim->limit ? kernel_dup_to(sim->kernel, SIM_SERVER, fd, least) : -EMFILE;
}

int __wrap_fcntl(int fd, int command, ...)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_fcntl, fd);
	struct sim_file *file = sim_file(sim, fd);
	int r = file ? 0 : -EBADF;
	va_list arguments;

	va_start(arguments, command);
	long argument = va_arg(arguments, long);
	va_end(arguments);
	event.arg[0] = (uint64_t)command;
	event.arg[1] = (uint64_t)argument;
	if (file && command == F_GETFL)
		r = O_RDWR | (file->nonblock ? O_NONBLOCK : 0);
	else if (file && command == F_SETFL)
		file->nonblock = argument & O_NONBLOCK;
	else if (file && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
		r = dup_from(sim, fd, (int)argument);
	return (int)sim_end_call(sim, &event, r);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_ioctl, fd);
	struct sim_file *file = sim_file(sim, fd);
	va_list arguments;

	va_start(arguments, request);
	int *value = va_arg(arguments, int *);
	va_end(arguments);
	if (file && request == FIONBIO)
		file->nonblock = *value != 0;
	else if (file && request == FIONREAD)
		*value = kernel_queued(sim->kernel, SIM_SERVER, fd);
	return (int)sim_end_call(sim, &event, file ? 0 : -EBADF);
}
