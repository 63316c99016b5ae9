/* SPDX-License-Identifier: MIT */
/* Calls with a varying number of arguments: open, fcntl and ioctl. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "agent/agent.h"

#define NEEDS_MODE (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
	return (int)agent_plain(CALL_openat, SYS_openat, ARGS(folder, (long)path, flags, mode), -1,
				PLAIN((uint32_t)flags));
}

#define MODE(last)                                                                                           \
	({                                                                                                   \
		mode_t mode_ = 0;                                                                            \
		if (flags & NEEDS_MODE) {                                                                    \
			va_list args_;                                                                       \
			va_start(args_, last);                                                               \
			mode_ = va_arg(args_, mode_t);                                                       \
			va_end(args_);                                                                       \
		}                                                                                            \
		mode_;                                                                                       \
	})

EXPORT int open(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE(flags));
}

EXPORT int open64(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE(flags));
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
	return open_at(folder, path, flags, MODE(flags));
}

EXPORT int openat64(int folder, const char *path, int flags, ...)
{
	return open_at(folder, path, flags, MODE(flags));
}

/* The owner may be a negative number, a group, which the plain call cannot tell from an error. */
static int get_owner(int fd)
{
	struct f_owner_ex owner;
	long ret = agent_slow(SYS_fcntl, ARGS(fd, F_GETOWN_EX, (long)&owner));

	if (ret < 0)
		return (int)agent_result(ret);
	return owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid;
}

static int control(int fd, int command, long argument)
{
	if (command == F_GETOWN)
		return get_owner(fd);
	return (int)agent_plain(CALL_fcntl, SYS_fcntl, ARGS(fd, command, argument), fd,
				PLAIN((uint32_t)command, (uint64_t)argument));
}

#define ARGUMENT(last)                                                                                       \
	({                                                                                                   \
		va_list args_;                                                                               \
		long argument_;                                                                              \
		va_start(args_, last);                                                                       \
		argument_ = va_arg(args_, long);                                                             \
		va_end(args_);                                                                               \
		argument_;                                                                                   \
	})

EXPORT int fcntl(int fd, int command, ...)
{
	return control(fd, command, ARGUMENT(command));
}

EXPORT int fcntl64(int fd, int command, ...)
{
	return control(fd, command, ARGUMENT(command));
}

static bool points_at_int(unsigned long request, long ret)
{
	return request == FIONBIO || request == FIOASYNC || (request == FIONREAD && ret >= 0);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	long argument = ARGUMENT(request), ret;
	struct agent_turn turn = agent_begin(CALL_ioctl, fd);
	const struct agent_args *args = ARGS(fd, (long)request, argument);
	uint64_t said = (uint64_t)argument;
	int value;

	if (!turn.slot)
		return (int)agent_result(agent_slow(SYS_ioctl, args));
	ret = agent_make(&turn, SYS_ioctl, args);
	if (points_at_int((uint32_t)request, ret) &&
	    agent_copy(ret, &value, (const void *)argument, sizeof value))
		said = (uint64_t)(int64_t)value;
	agent_tell(&turn, CALL_ioctl, fd, ret, PLAIN((uint32_t)request, said));
	return (int)agent_result(ret);
}
