/* SPDX-License-Identifier: MIT */
/* What sockets of both families share, and the calls that choose between them. */
#include "model/kernel_impl.h"

#include <limits.h>
#include <netinet/tcp.h>
#include <string.h>

struct sock *sock_new(struct kernel *kernel, enum kind kind)
{
	struct sock *sock = kernel->free_socks;

	if (sock)
		kernel->free_socks = sock->next_free;
	else if (kernel->sock_top < sizeof kernel->socks / sizeof *kernel->socks)
		sock = &kernel->socks[kernel->sock_top++];
	else
		return NULL;
	sock->used = true;
	sock->kind = kind;
	sock->file = NULL;
	sock->peer = sock->listener = NULL;
	sock->state = TCP_CLOSE;
	sock->connected = SS_UNCONNECTED;
	sock->shut = sock->error = sock->port = sock->peer_port = 0;
	sock->done = sock->nospace = sock->gone = sock->linger = sock->inlined = false;
	sock->low_water = 1;
	sock->urgent = URGENT_NONE;
	sock->urgent_at = 0;
	sock->capacity = kernel->buffer;
	sock->unanswered = 0;
	sock->queued = sock->backlog = 0;
	sock->retry_at = sock->retry_after = 0;
	flow_clear(&sock->in);
	link_init(&sock->queue);
	return sock;
}

void sock_free(struct kernel *kernel, struct sock *sock)
{
	if (sock->peer && sock->peer->peer == sock)
		sock->peer->peer = NULL;
	link_out(&sock->queue);
	sock->used = false;
	sock->next_free = kernel->free_socks;
	kernel->free_socks = sock;
}

void sock_wake(struct kernel *kernel, struct sock *sock, uint32_t key)
{
	if (sock->file)
		kernel_file_wake(kernel, sock->file, key);
}

int sock_take_error(struct sock *sock)
{
	int error = sock->error;

	sock->error = 0;
	return -error;
}

void sock_join(struct sock *one, struct sock *other)
{
	one->peer = other;
	other->peer = one;
	one->state = other->state = TCP_ESTABLISHED;
	one->connected = other->connected = SS_CONNECTED;
	one->peer_port = other->port;
	other->peer_port = one->port;
}

void sock_close(struct kernel *kernel, struct sock *sock)
{
	sock->file = NULL;
	if (sock->kind == KIND_TCP)
		tcp_close(kernel, sock);
	else
		unix_close(kernel, sock);
}

struct sock *sock_listening(struct kernel *kernel, enum kind kind, int port)
{
	for (unsigned i = 0; i < kernel->sock_top; i++) {
		struct sock *sock = &kernel->socks[i];
		if (sock->used && sock->kind == kind && sock->state == TCP_LISTEN && sock->port == port)
			return sock;
	}
	return NULL;
}

/* NULL with *ret_r: -EBADF or -ENOTSOCK. */
static struct sock *get_sock(const struct kernel *kernel, int proc, int fd, int *ret_r)
{
	struct file *file = kernel_get(kernel, proc, fd);

	*ret_r = !file ? -EBADF : file->sock ? 0 : -ENOTSOCK;
	return file ? file->sock : NULL;
}

static int sock_install(struct kernel *kernel, int proc, struct sock *sock)
{
	struct file *file = sock ? kernel_file_new(kernel, sock->kind) : NULL;

	if (file) {
		file->sock = sock;
		sock->file = file;
	} else if (sock) {
		sock_free(kernel, sock);
	}
	return kernel_install(kernel, proc, file);
}

static const enum kind kinds[] = {[KERNEL_TCP] = KIND_TCP,
				  [KERNEL_UNIX] = KIND_UNIX,
				  [KERNEL_PACKET] = KIND_PACKET,
				  [KERNEL_DATAGRAM] = KIND_DATAGRAM};

int kernel_socket(struct kernel *kernel, int proc, enum kernel_family family)
{
	return sock_install(kernel, proc, sock_new(kernel, kinds[family]));
}

static int free_port(struct kernel *kernel)
{
	int port = kernel->next_port++;

	if (kernel->next_port > 60999) /* net.ipv4.ip_local_port_range, as it comes */
		kernel->next_port = 32768;
	return port;
}

int kernel_pair(struct kernel *kernel, int proc, enum kernel_family family, int ret_fds[2])
{
	int one = kernel_socket(kernel, proc, family), other = kernel_socket(kernel, proc, family);

	if (one < 0 || other < 0) {
		(void)kernel_close(kernel, proc, one);
		return one < 0 ? one : other;
	}
	struct sock *socks[2] = {kernel_get(kernel, proc, one)->sock, kernel_get(kernel, proc, other)->sock};
	for (int i = 0; family == KERNEL_TCP && i < 2; i++)
		socks[i]->port = free_port(kernel);
	sock_join(socks[0], socks[1]);
	if (family == KERNEL_TCP)
		socks[0]->connected = SS_CONNECTING; /* nobody called connect again to hear of it */
	ret_fds[0] = one;
	ret_fds[1] = other;
	return 0;
}

static bool port_taken(const struct kernel *kernel, enum kind kind, int port)
{
	for (unsigned i = 0; i < kernel->sock_top; i++) {
		const struct sock *sock = &kernel->socks[i];
		if (sock->used && sock->kind == kind && sock->port == port && !sock->peer && sock->file)
			return true;
	}
	return false;
}

int kernel_bind(struct kernel *kernel, int proc, int fd, int port)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!sock)
		return r;
	if (sock->port || sock->state != TCP_CLOSE)
		return -EINVAL;
	if (port && port_taken(kernel, sock->kind, port))
		return -EADDRINUSE;
	return sock->port = port ? port : free_port(kernel);
}

int kernel_listen(struct kernel *kernel, int proc, int fd, int backlog)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!sock)
		return r;
	if (sock->kind == KIND_PACKET || sock->kind == KIND_DATAGRAM)
		return -EOPNOTSUPP;
	/* inet_listen binds by itself; unix_listen does not: EINVAL */
	if (sock->connected != SS_UNCONNECTED || (sock->state != TCP_CLOSE && sock->state != TCP_LISTEN) ||
	    (sock->kind == KIND_UNIX && !sock->port))
		return -EINVAL;
	if (!sock->port)
		sock->port = free_port(kernel);
	sock->backlog = backlog < 0 || backlog > 4096 ? 4096 : (unsigned)backlog; /* net.core.somaxconn */
	sock->state = TCP_LISTEN;
	return 0;
}

int kernel_connect(struct kernel *kernel, int proc, int fd, int port)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!sock)
		return r;
	if (sock->kind == KIND_PACKET || sock->kind == KIND_DATAGRAM)
		return -EOPNOTSUPP; /* they come in pairs here */
	if (sock->kind == KIND_UNIX)
		return unix_connect(kernel, sock, port);
	if (!sock->port && sock->state == TCP_CLOSE)
		sock->port = free_port(kernel);
	return tcp_connect(kernel, sock, port);
}

/* A number is sought before the queue is looked at: net/socket.c, __sys_accept4_file. */
int kernel_accept(struct kernel *kernel, int proc, int fd)
{
	int r, number = kernel_free_fd(kernel, proc);
	struct file *file = kernel_get(kernel, proc, fd);
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!file)
		return -EBADF;
	if (number < 0)
		return number;
	if (!sock)
		return r;
	if (sock->kind == KIND_DATAGRAM)
		return -EOPNOTSUPP;
	if (sock->state != TCP_LISTEN)
		return -EINVAL;
	if (link_alone(&sock->queue))
		return -EAGAIN;
	struct sock *child = LINK_OF(struct sock, queue, sock->queue.next);
	link_out(&child->queue);
	child->listener = NULL;
	child->connected = SS_CONNECTED;
	sock->queued--;
	return sock_install(kernel, proc, child);
}

int kernel_shutdown(struct kernel *kernel, int proc, int fd, enum kernel_how how)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!sock)
		return r;
	if (how > KERNEL_SHUT_RDWR)
		return -EINVAL;
	/* the kernel's own bits are one more: inet_shutdown */
	return sock->kind == KIND_TCP ? tcp_shutdown(kernel, sock, (int)how + 1)
				      : unix_shutdown(kernel, sock, (int)how + 1);
}

int kernel_linger(struct kernel *kernel, int proc, int fd, bool on)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (sock)
		sock->linger = on;
	return r;
}

/* sock_setsockopt: 0 means 1, less than 0 as much as there may be. Only TCP's poll looks at it. */
int kernel_low_water(struct kernel *kernel, int proc, int fd, int bytes)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!sock)
		return r;
	sock->low_water = bytes < 0 ? INT_MAX : bytes ? bytes : 1;
	if (sock->kind == KIND_TCP && (tcp_has_enough(sock) || sock->done)) /* tcp_set_rcvlowat */
		sock_wake(kernel, sock, KEY_IN);
	return 0;
}

int kernel_so_error(struct kernel *kernel, int proc, int fd)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	return sock ? -sock_take_error(sock) : r;
}

int kernel_port(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_sock(kernel, proc, fd, &r);

	return sock ? sock->port : r;
}

int kernel_peer_port(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!sock)
		return r;
	return sock->state == TCP_CLOSE || sock->state == TCP_LISTEN || sock->state == TCP_SYN_SENT
		   ? -ENOTCONN
		   : sock->peer_port;
}

int kernel_state(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_sock(kernel, proc, fd, &r);

	return sock ? sock->state : r;
}

int kernel_queued(const struct kernel *kernel, int proc, int fd)
{
	const struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	if (file->pipe)
		return (int)file->pipe->flow.size;
	if (!file->sock)
		return -ENOTTY;
	if (file->kind == KIND_DATAGRAM) /* unix_inq_len: of the next */
		return file->sock->in.count ? (int)file->sock->in.cuts[file->sock->in.first].size : 0;
	return file->sock->state == TCP_LISTEN ? -EINVAL : (int)urgent_queued(file->sock);
}

int kernel_unread(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_sock(kernel, proc, fd, &r);

	return sock ? (int)sock_in_flight(sock) : r;
}

int kernel_messages(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_sock(kernel, proc, fd, &r);

	return !sock ? r : sock->peer ? (int)sock->peer->in.count : 0;
}

int kernel_waiting(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_sock(kernel, proc, fd, &r);

	return sock ? (int)sock->queued : r;
}

int kernel_family_of(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_sock(kernel, proc, fd, &r);

	while (sock && kinds[r] != sock->kind)
		r++;
	return r;
}

int kernel_vanish(struct kernel *kernel, int proc, int fd)
{
	int r;
	struct sock *sock = get_sock(kernel, proc, fd, &r);

	if (!sock)
		return r;
	if (sock->kind != KIND_TCP || !sock->peer)
		return -ENOTCONN;
	sock->peer->peer = NULL; /* whatever it does later, nobody hears of it */
	sock->peer = NULL;
	return 0;
}

void kernel_buffer(struct kernel *kernel, size_t bytes)
{
	kernel->buffer = bytes ? bytes : KERNEL_BUFFER;
}

size_t sock_in_flight(const struct sock *sock)
{
	size_t size = sock->unanswered;

	if (!sock->peer)
		return size;
	size += sock->peer->in.size;
	/* a UNIX message is paid for until its last byte was read: net/core/sock.c, sock_wfree */
	return sock->kind == KIND_UNIX ? size + sock->peer->in.read : size;
}
