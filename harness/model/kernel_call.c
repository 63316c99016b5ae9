/* SPDX-License-Identifier: MIT */
/* The calls that do not care what a descriptor is: read, write, poll. */
#include "model/kernel_impl.h"

#include <netinet/tcp.h>

uint32_t kernel_file_poll(struct kernel *kernel, struct file *file)
{
	switch (file->kind) {
	case KIND_TCP:
		return tcp_poll(file->sock);
	case KIND_UNIX:
		return unix_poll(file->sock);
	case KIND_PACKET:
	case KIND_DATAGRAM:
		return message_poll(file->sock);
	case KIND_READER:
	case KIND_WRITER:
		return pipe_poll(file);
	case KIND_EVENT:
	case KIND_TIMER:
		return counter_poll(file);
	case KIND_EPOLL:
		return epoll_poll(kernel, file);
	case KIND_PLAIN: /* include/linux/poll.h, DEFAULT_POLLMASK */
		return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	case KIND_NONE:
		break;
	}
	return 0;
}

/* Between little and much on the way to a reader only the kernel's buffers decide whether there is room. */
uint32_t kernel_file_may(const struct file *file)
{
	enum { LITTLE = 4096 };
	const struct sock *sock = file->sock;

	if (!sock || sock->state == TCP_LISTEN || sock->shut & SHUT_OUT || sock_in_flight(sock) <= LITTLE)
		return 0;
	return sock->kind == KIND_TCP ? EPOLLOUT | EPOLLWRNORM : KEY_OUT;
}

int kernel_poll(struct kernel *kernel, int proc, int fd, uint32_t *ret_must, uint32_t *ret_may)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	uint32_t mask = kernel_file_poll(kernel, file), may = kernel_file_may(file);
	*ret_must = mask & ~may;
	*ret_may = may;
	return 0;
}

int kernel_mask(struct kernel *kernel, int proc, int fd, uint32_t *ret_mask)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	*ret_mask = kernel_file_poll(kernel, file);
	return 0;
}

const void *kernel_front(const struct kernel *kernel, int proc, int fd)
{
	const struct file *file = kernel_get(kernel, proc, fd);

	const struct sock *sock = file ? file->sock : NULL;

	return sock && sock->in.size ? sock->in.data + sock->in.start + urgent_is_next(sock) : NULL;
}

int64_t kernel_send(struct kernel *kernel, int proc, int fd, const void *bytes, size_t size)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	switch (file->kind) {
	case KIND_TCP:
		return tcp_send(kernel, file->sock, bytes, size, false);
	case KIND_UNIX:
		return unix_send(kernel, file->sock, bytes, size, NULL);
	case KIND_PACKET:
	case KIND_DATAGRAM:
		return message_send(kernel, file->sock, bytes, size);
	case KIND_READER:
	case KIND_WRITER:
		return pipe_send(kernel, file, bytes, size);
	case KIND_EVENT:
		return event_send(kernel, file, bytes, size);
	case KIND_PLAIN:
		return (int64_t)size;
	case KIND_TIMER:
	case KIND_EPOLL:
	case KIND_NONE:
		break;
	}
	return -EINVAL;
}

static int64_t receive(struct kernel *kernel, struct file *file, void *ret_bytes, size_t size, bool peek)
{
	switch (file->kind) {
	case KIND_TCP:
		return tcp_receive(kernel, file->sock, ret_bytes, size, peek);
	case KIND_UNIX:
		return unix_receive(kernel, file->sock, ret_bytes, size, peek, NULL);
	case KIND_PACKET:
	case KIND_DATAGRAM:
		return message_receive(kernel, file->sock, ret_bytes, size, peek);
	case KIND_READER:
	case KIND_WRITER:
		return pipe_receive(kernel, file, ret_bytes, size);
	case KIND_EVENT:
	case KIND_TIMER:
		return counter_receive(kernel, file, ret_bytes, size);
	case KIND_PLAIN:
		return 0;
	case KIND_EPOLL:
	case KIND_NONE:
		break;
	}
	return -EINVAL;
}

int64_t kernel_receive(struct kernel *kernel, int proc, int fd, void *ret_bytes, size_t size)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	if (file->sock && !size)
		return 0; /* net/socket.c, sock_read_iter: nobody is asked, an error stays */
	return receive(kernel, file, ret_bytes, size, false);
}

int64_t kernel_peek(struct kernel *kernel, int proc, int fd, void *ret_bytes, size_t size)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	return file->sock ? receive(kernel, file, ret_bytes, size, true) : -ENOTSOCK;
}

int kernel_pass(struct kernel *kernel, int proc, int fd, int passed)
{
	struct file *file = kernel_get(kernel, proc, fd), *what = kernel_get(kernel, proc, passed);

	if (!file)
		return -EBADF;
	if (!file->sock)
		return -ENOTSOCK;
	if (file->kind != KIND_UNIX)
		return -EINVAL;
	if (!what)
		return -EBADF; /* net/core/scm.c, scm_fp_copy */
	return (int)unix_send(kernel, file->sock, NULL, 1, what);
}

/* -ENODATA: a byte came, and no descriptor with it. */
int kernel_take(struct kernel *kernel, int proc, int fd)
{
	struct file *file = kernel_get(kernel, proc, fd), *passed = NULL;

	if (!file)
		return -EBADF;
	if (file->kind != KIND_UNIX)
		return file->sock ? -EINVAL : -ENOTSOCK;
	int64_t r = unix_receive(kernel, file->sock, NULL, 1, false, &passed);
	if (r <= 0)
		return r < 0 ? (int)r : -ENODATA;
	return passed ? kernel_install(kernel, proc, passed) : -ENODATA;
}
