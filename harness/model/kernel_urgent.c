/* SPDX-License-Identifier: MIT */
/* TCP's urgent byte: where it stands among the others, what reading makes of it. After net/ipv4/tcp_input.c
 * and tcp.c.
 */
#include "model/kernel_impl.h"

#include <netinet/tcp.h>

/* Whether the reader stands in front of it, and reads past it. */
bool urgent_is_next(const struct sock *sock)
{
	return sock->urgent && !sock->inlined && sock->urgent_at == 0;
}

/* tcp_ioctl, SIOCINQ: what stands in front of it, unless it is read like any other. */
size_t urgent_queued(const struct sock *sock)
{
	return sock->urgent && !sock->inlined && sock->urgent_at < sock->in.size ? sock->urgent_at
										 : sock->in.size;
}

/* The reader is so many bytes further. What was urgent is behind it then: tcp_recvmsg_locked. */
static void move_on(struct sock *sock, size_t size)
{
	flow_drop(&sock->in, size);
	if (sock->urgent_at < size)
		sock->urgent = URGENT_NONE;
	sock->urgent_at -= size < sock->urgent_at ? size : sock->urgent_at;
}

/*
 * tcp_check_urg and tcp_urg, which come before the bytes are queued or refused: the last of so many that
 * arrive is urgent. One that the reader stands in front of is taken away.
 */
void urgent_arrives(struct sock *sock, const void *bytes, size_t size)
{
	if (urgent_is_next(sock) && sock->in.size)
		move_on(sock, 1);
	sock->urgent = URGENT_VALID;
	sock->urgent_at = sock->in.size + size - 1;
	sock->urgent_byte = bytes ? ((const unsigned char *)bytes)[size - 1] : 0;
}

/*
 * tcp_recvmsg_locked: reading stops in front of the urgent byte, and goes on behind it. Returns how many
 * bytes were copied; 0 also where nothing but the urgent byte was there, which is gone then.
 */
size_t urgent_read(struct sock *sock, void *ret_bytes, size_t size, bool peek)
{
	bool skips = urgent_is_next(sock) && size && sock->in.size;
	size_t left = sock->in.size - skips;

	if (sock->urgent && sock->urgent_at > 0 && sock->urgent_at < left)
		left = sock->urgent_at;
	size = size < left ? size : left;
	if (size && ret_bytes)
		flow_copy_at(&sock->in, ret_bytes, skips, size);
	if (!peek)
		move_on(sock, size + skips);
	return size;
}

/* tcp_recv_urg. */
static int64_t receive_urgent(struct sock *sock, void *ret_byte)
{
	if (sock->state == TCP_LISTEN)
		return -ENOTCONN;
	if (sock->inlined || sock->urgent == URGENT_NONE || sock->urgent == URGENT_READ)
		return -EINVAL;
	if (sock->state == TCP_CLOSE && !sock->done)
		return -ENOTCONN;
	sock->urgent = URGENT_READ;
	if (ret_byte)
		*(unsigned char *)ret_byte = sock->urgent_byte;
	return 1;
}

/* NULL with *ret_r: -EBADF, -ENOTSOCK, or -EOPNOTSUPP for another family. */
static struct sock *get_tcp(const struct kernel *kernel, int proc, int fd, int *ret_r)
{
	struct file *file = kernel_get(kernel, proc, fd);

	*ret_r = !file ? -EBADF : !file->sock ? -ENOTSOCK : file->kind != KIND_TCP ? -EOPNOTSUPP : 0;
	return *ret_r < 0 ? NULL : file->sock;
}

int64_t kernel_send_urgent(struct kernel *kernel, int proc, int fd, const void *bytes, size_t size)
{
	int r;
	struct sock *sock = get_tcp(kernel, proc, fd, &r);

	return sock ? tcp_send(kernel, sock, bytes, size, true) : r;
}

int64_t kernel_receive_urgent(struct kernel *kernel, int proc, int fd, void *ret_byte)
{
	int r;
	struct sock *sock = get_tcp(kernel, proc, fd, &r);

	return sock ? receive_urgent(sock, ret_byte) : r;
}

int kernel_inline(struct kernel *kernel, int proc, int fd, bool on)
{
	int r;
	struct sock *sock = get_tcp(kernel, proc, fd, &r);

	if (sock)
		sock->inlined = on;
	return r;
}

int kernel_at_mark(const struct kernel *kernel, int proc, int fd)
{
	int r;
	const struct sock *sock = get_tcp(kernel, proc, fd, &r);

	return sock ? sock->urgent && sock->urgent_at == 0 : r;
}
