/* SPDX-License-Identifier: MIT */
/* Bytes in and out: the read and write families. */
#include "fuzz/sim/sim_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "fuzz/sim/wrap.h"

/* A call in the making: what it is, and on which bytes. */
struct transfer {
	enum call call;
	int fd, flags;
	size_t size;
};

/* The oldest pending signal that the descriptor takes. */
static int64_t read_signal(struct sim *sim, const struct sim_file *file, int fd, void *bytes, size_t size)
{
	struct signalfd_siginfo info = {0};
	uint64_t one;
	int64_t r =
	    size < sizeof info ? -EINVAL : kernel_receive(sim->kernel, SIM_SERVER, fd, &one, sizeof one);

	if (r < 0)
		return r;
	for (int signo = 1; signo < 64 && !info.ssi_signo; signo++)
		if (sim->pending & file->signals & 1ull << signo)
			info.ssi_signo = (uint32_t)signo;
	sim->pending &= ~(1ull << info.ssi_signo);
	memcpy(bytes, &info, sizeof info);
	return sizeof info;
}

static int64_t read_file(struct sim_file *file, void *bytes, size_t size)
{
	if (file->kind == SIM_LOT) {
		__wrap_arc4random_buf(bytes, size);
		return (int64_t)size;
	}
	size_t got = sim_content_read(file, file->at, bytes, size);
	file->at += got;
	return (int64_t)got;
}

static int64_t receive_once(struct sim *sim, const struct transfer *transfer, void *bytes)
{
	struct sim_file *file = sim_file(sim, transfer->fd);

	if (file && file->kind == SIM_SIGNALS)
		return read_signal(sim, file, transfer->fd, bytes, transfer->size);
	if (file && (file->kind == SIM_LOT || file->content))
		return read_file(file, bytes, transfer->size);
	if (transfer->flags & MSG_OOB)
		return transfer->size ? kernel_receive_urgent(sim->kernel, SIM_SERVER, transfer->fd, bytes)
				      : 0;
	if (transfer->flags & MSG_PEEK)
		return kernel_peek(sim->kernel, SIM_SERVER, transfer->fd, bytes, transfer->size);
	return kernel_receive(sim->kernel, SIM_SERVER, transfer->fd, bytes, transfer->size);
}

/* Whether the call waits where it would have to. */
static bool blocks(struct sim *sim, const struct transfer *transfer)
{
	const struct sim_file *file = sim_file(sim, transfer->fd);

	return file && !file->nonblock && file->kind != SIM_STDIO && !(transfer->flags & MSG_DONTWAIT);
}

/* recv, send and their kin are for sockets. */
static bool is_misplaced(struct sim *sim, const struct transfer *transfer)
{
	bool any = transfer->call == CALL_read || transfer->call == CALL_readv ||
		   transfer->call == CALL_write || transfer->call == CALL_writev ||
		   transfer->call == CALL_sendfile;

	return !any && sim_file(sim, transfer->fd) &&
	       kernel_family_of(sim->kernel, SIM_SERVER, transfer->fd) < 0;
}

static ssize_t receive(struct transfer *transfer, void *bytes)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(transfer->call, transfer->fd);
	int64_t ret;

	event.arg[0] = transfer->size;
	event.arg[1] = (uint64_t)transfer->flags;
	if (sim_struck(sim, &event, 0, &transfer->size, &ret))
		return (ssize_t)ret;
	ret = is_misplaced(sim, transfer) ? -ENOTSOCK : receive_once(sim, transfer, bytes);
	while (ret == -EAGAIN && blocks(sim, transfer))
		ret = sim_block(sim, &event) ? receive_once(sim, transfer, bytes) : -EINTR;
	return (ssize_t)sim_end_call(sim, &event, ret);
}

/* Nobody reads any more: the signal comes with the error, unless it was declined. */
static void broken_pipe(struct sim *sim, const struct transfer *transfer)
{
	if (transfer->flags & MSG_NOSIGNAL)
		return;
	sim_signal(sim, SIGPIPE);
	sim_deliver(sim);
}

static bool is_for_reading(struct sim *sim, int fd)
{
	const struct sim_file *file = sim_file(sim, fd);

	return file && file->content;
}

/* For whoever wants to read what the server says. */
static void pass_on(struct sim *sim, const struct transfer *transfer, const void *bytes, int64_t size)
{
	const struct sim_file *file = sim_file(sim, transfer->fd);
	bool standard = transfer->fd == STDOUT_FILENO || transfer->fd == STDERR_FILENO;

	if (size > 0 && standard && sim->hooks->said && file && file->kind == SIM_STDIO)
		sim->hooks->said(sim->hooks->arg, transfer->fd, bytes, (size_t)size);
}

static ssize_t transmit(struct transfer *transfer, const void *bytes)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(transfer->call, transfer->fd);
	size_t done = 0;
	int64_t ret;

	event.arg[0] = transfer->size;
	event.arg[1] = (uint64_t)transfer->flags;
	if (sim_struck(sim, &event, 0, &transfer->size, &ret))
		return (ssize_t)ret;
	ret = is_misplaced(sim, transfer) ? -ENOTSOCK
	      : is_for_reading(sim, transfer->fd)
		  ? -EBADF
		  : kernel_send(sim->kernel, SIM_SERVER, transfer->fd, bytes, transfer->size);
	/* A blocking send comes back when all of it is on its way. */
	while (blocks(sim, transfer) &&
	       (ret == -EAGAIN || (ret > 0 && done + (size_t)ret < transfer->size))) {
		done += ret > 0 ? (size_t)ret : 0;
		if (ret == -EAGAIN && !sim_block(sim, &event)) {
			ret = -EINTR;
			break;
		}
		ret = kernel_send(sim->kernel, SIM_SERVER, transfer->fd, (const char *)bytes + done,
				  transfer->size - done);
	}
	if (done)
		ret = (int64_t)done + (ret > 0 ? ret : 0);
	pass_on(sim, transfer, bytes, ret);
	ret = sim_end_call(sim, &event, ret);
	if (ret < 0 && errno == EPIPE) {
		broken_pipe(sim, transfer);
		errno = EPIPE;
	}
	return (ssize_t)ret;
}

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	return receive(&(struct transfer){CALL_read, fd, 0, size}, bytes);
}

ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
	return receive(&(struct transfer){CALL_recvfrom, fd, flags, size}, bytes);
}

ssize_t __wrap_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *address,
			socklen_t *address_size)
{
	if (address && address_size)
		*address_size = 0;
	return __wrap_recv(fd, bytes, size, flags);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	return transmit(&(struct transfer){CALL_write, fd, 0, size}, bytes);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
	return transmit(&(struct transfer){CALL_sendto, fd, flags, size}, bytes);
}

ssize_t __wrap_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *address,
		      socklen_t address_size)
{
	(void)address;
	(void)address_size;
	return __wrap_send(fd, bytes, size, flags);
}

ssize_t sim_send_file(int to, const void *bytes, size_t size)
{
	return transmit(&(struct transfer){CALL_sendfile, to, 0, size}, bytes);
}

/* What _FORTIFY_SOURCE makes of them: room is the buffer's size. */
ssize_t __wrap___read_chk(int fd, void *bytes, size_t size, size_t room)
{
	return size > room ? (__wrap_abort(), -1) : __wrap_read(fd, bytes, size);
}

ssize_t __wrap___recv_chk(int fd, void *bytes, size_t size, size_t room, int flags)
{
	return size > room ? (__wrap_abort(), -1) : __wrap_recv(fd, bytes, size, flags);
}

ssize_t __wrap___recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
			      struct sockaddr *address, socklen_t *address_size)
{
	if (size > room)
		__wrap_abort();
	return __wrap_recvfrom(fd, bytes, size, flags, address, address_size);
}

static size_t total(const struct iovec *parts, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].iov_len;
	return size;
}

/* Through one buffer: what a call moves is one piece to the kernel. */
static ssize_t receive_parts(enum call call, int fd, const struct iovec *parts, size_t count, int flags)
{
	size_t size = total(parts, count), at = 0;
	char *bytes = malloc(size + 1);
	ssize_t got = bytes ? receive(&(struct transfer){call, fd, flags, size}, bytes) : -1;

	for (size_t i = 0; i < count && got > 0 && at < (size_t)got; i++) {
		size_t left = (size_t)got - at, part = parts[i].iov_len < left ? parts[i].iov_len : left;
		memcpy(parts[i].iov_base, bytes + at, part);
		at += part;
	}
	free(bytes);
	return got;
}

static ssize_t transmit_parts(enum call call, int fd, const struct iovec *parts, size_t count, int flags)
{
	size_t size = total(parts, count), at = 0;
	char *bytes = malloc(size + 1);

	for (size_t i = 0; bytes && i < count; i++) {
		if (parts[i].iov_len)
			memcpy(bytes + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	ssize_t sent = bytes ? transmit(&(struct transfer){call, fd, flags, size}, bytes) : -1;
	free(bytes);
	return sent;
}

ssize_t __wrap_readv(int fd, const struct iovec *parts, int count)
{
	return receive_parts(CALL_readv, fd, parts, (size_t)count, 0);
}

ssize_t __wrap_writev(int fd, const struct iovec *parts, int count)
{
	return transmit_parts(CALL_writev, fd, parts, (size_t)count, 0);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	message->msg_controllen = 0;
	message->msg_flags = 0;
	return receive_parts(CALL_recvmsg, fd, message->msg_iov, message->msg_iovlen, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return transmit_parts(CALL_sendmsg, fd, message->msg_iov, message->msg_iovlen, flags);
}

int __wrap_pipe2(int fds[2], int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_pipe2, -1);
	int r = kernel_pipe(sim->kernel, SIM_SERVER, fds);

	event.arg[0] = (uint64_t)flags;
	for (int i = 0; r == 0 && i < 2; i++) {
		sim_made(sim, fds[i], SIM_OTHER, flags);
		event.arg[2 + i] = (uint64_t)fds[i];
	}
	return (int)sim_end_call(sim, &event, r);
}

int __wrap_pipe(int fds[2])
{
	return __wrap_pipe2(fds, 0);
}
