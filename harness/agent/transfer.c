/* SPDX-License-Identifier: MIT */
/* Calls that move bytes, under every name libc has for them. */
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "agent/agent.h"

#define IOV_MOST 1024
#define LOOK	 16 /* parts of an iovec looked at in one go */

/* The checking names of fortified programs; their bounds were checked where they are called from. */
EXPORT ssize_t agent_read_chk(int fd, void *to, size_t size, size_t room) __asm__("__read_chk");
EXPORT ssize_t agent_recv_chk(int fd, void *to, size_t size, size_t room, int flags) __asm__("__recv_chk");
EXPORT ssize_t agent_recvfrom_chk(int fd, void *to, size_t size, size_t room, int flags,
				  struct sockaddr *address,
				  socklen_t *address_size) __asm__("__recvfrom_chk");

EXPORT ssize_t read(int fd, void *to, size_t size)
{
	return agent_plain(CALL_read, SYS_read, ARGS(fd, (long)to, (long)size), fd, PLAIN(size));
}

ssize_t agent_read_chk(int fd, void *to, size_t size, size_t room)
{
	if (size > room)
		__builtin_trap();
	return read(fd, to, size);
}

EXPORT ssize_t write(int fd, const void *from, size_t size)
{
	return agent_plain(CALL_write, SYS_write, ARGS(fd, (long)from, (long)size), fd, PLAIN(size));
}

EXPORT ssize_t recvfrom(int fd, void *restrict to, size_t size, int flags, struct sockaddr *restrict address,
			socklen_t *restrict address_size)
{
	return agent_plain(CALL_recvfrom, SYS_recvfrom,
			   ARGS(fd, (long)to, (long)size, flags, (long)address, (long)address_size), fd,
			   PLAIN(size, (uint32_t)flags));
}

EXPORT ssize_t recv(int fd, void *to, size_t size, int flags)
{
	return recvfrom(fd, to, size, flags, NULL, NULL);
}

ssize_t agent_recvfrom_chk(int fd, void *to, size_t size, size_t room, int flags, struct sockaddr *address,
			   socklen_t *address_size)
{
	if (size > room)
		__builtin_trap();
	return recvfrom(fd, to, size, flags, address, address_size);
}

ssize_t agent_recv_chk(int fd, void *to, size_t size, size_t room, int flags)
{
	return agent_recvfrom_chk(fd, to, size, room, flags, NULL, NULL);
}

EXPORT ssize_t sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *address,
		      socklen_t address_size)
{
	return agent_plain(CALL_sendto, SYS_sendto,
			   ARGS(fd, (long)from, (long)size, flags, (long)address, address_size), fd,
			   PLAIN(size, (uint32_t)flags));
}

EXPORT ssize_t send(int fd, const void *from, size_t size, int flags)
{
	return sendto(fd, from, size, flags, NULL, 0);
}

static ssize_t send_file(int out, int in, off_t *offset, size_t size)
{
	struct agent_turn turn = agent_begin(CALL_sendfile, out);
	const struct agent_args *args = ARGS(out, in, (long)offset, (long)size);
	long ret;

	if (!turn.slot)
		return agent_result(agent_slow(SYS_sendfile, args));
	ret = agent_make(&turn, SYS_sendfile, args);
	agent_tell(&turn, CALL_sendfile, out, ret, PLAIN(size, 0, (uint32_t)in));
	return agent_result(ret);
}

EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
	return send_file(out, in, offset, size);
}

EXPORT ssize_t sendfile64(int out, int in, off_t *offset, size_t size)
{
	return send_file(out, in, offset, size);
}

/* Bytes an iovec asks for in all. False when it is no memory. */
static bool total(long ret, const struct iovec *iov, size_t count, uint64_t *ret_bytes)
{
	struct iovec part[LOOK];
	uint64_t bytes = 0;

	for (size_t at = 0; at < count; at += LOOK) {
		size_t many = count - at < LOOK ? count - at : LOOK;

		if (!agent_copy(ret, part, iov + at, many * sizeof *iov))
			return false;
		for (size_t i = 0; i < many; i++)
			bytes += part[i].iov_len;
	}
	*ret_bytes = bytes;
	return true;
}

static void tell_vector(const struct agent_turn *turn, enum call call, int fd, long ret,
			const struct iovec *iov, size_t count, uint32_t flags)
{
	struct agent_record *record;
	uint64_t bytes = 0;
	bool readable = count <= IOV_MOST && total(ret, iov, count, &bytes);

	if (ret == -AGENT_TOLD)
		return;
	record = agent_open(turn, EV_CALL, call, fd, 0);
	record->ret = ret;
	record->arg[0] = bytes;
	record->arg[1] = flags;
	if (!readable && count <= IOV_MOST)
		record->flags |= EVF_UNREADABLE;
	agent_commit(turn, record);
}

static long vector(enum call call, long number, int fd, const struct iovec *iov, int count)
{
	struct agent_turn turn = agent_begin(call, fd);
	const struct agent_args *args = ARGS(fd, (long)iov, count);
	long ret;

	ret = agent_asleep(&turn, number, args);
	if (turn.slot)
		tell_vector(&turn, call, fd, ret, iov, (uint32_t)count, 0);
	return agent_result(ret);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
	return vector(CALL_readv, SYS_readv, fd, iov, count);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	return vector(CALL_writev, SYS_writev, fd, iov, count);
}

/* Messages with room for control data may carry fds, which the tracer knows how to read. */
static long message(enum call call, long number, int fd, const struct msghdr *header, int flags)
{
	struct agent_turn turn = agent_enter(call, fd);
	const struct agent_args *args = ARGS(fd, (long)header, flags);
	struct msghdr copy;
	long ret;

	/* The error stands for "ask the kernel whether this is memory". */
	if (turn.slot && (!agent_copy(-EFAULT, &copy, header, sizeof copy) || copy.msg_controllen))
		turn.slot = NULL;
	agent_meet(&turn, call, 0);
	ret = agent_asleep(&turn, number, args);
	if (turn.slot)
		tell_vector(&turn, call, fd, ret, copy.msg_iov, copy.msg_iovlen, (uint32_t)flags);
	return agent_result(ret);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *header, int flags)
{
	return message(CALL_recvmsg, SYS_recvmsg, fd, header, flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *header, int flags)
{
	return message(CALL_sendmsg, SYS_sendmsg, fd, header, flags);
}
