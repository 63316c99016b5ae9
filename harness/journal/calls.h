/* SPDX-License-Identifier: MIT */
/* The system calls wringer knows, by its own numbers, so that a journal reads the same on every architecture.
 */
#ifndef WRINGER_JOURNAL_CALLS_H
#define WRINGER_JOURNAL_CALLS_H

#include <stdint.h>

/* What a call is for; rules ask for the class, not for thirty names. */
enum call_class {
	CLASS_OTHER,
	CLASS_CREATE, /* makes fds: socket, pipe, eventfd, open … */
	CLASS_ACCEPT,
	CLASS_CONNECT,
	CLASS_LISTEN,
	CLASS_READ,  /* takes bytes out of fd */
	CLASS_WRITE, /* puts bytes into fd */
	CLASS_CLOSE,
	CLASS_DUP,
	CLASS_SHUTDOWN,
	CLASS_OPTION, /* set/getsockopt, fcntl, ioctl, bind, getsockname … */
	CLASS_CTL,    /* epoll_ctl */
	CLASS_WAIT,   /* epoll_wait and kin, poll, select */
	CLASS_RING,   /* io_uring */
};
#define CLASS_COUNT (CLASS_RING + 1)

/* X(name, class). The order is the file format: append only. */
#define WRINGER_CALLS(X)                                                                                     \
	X(unknown, OTHER)                                                                                    \
	X(socket, CREATE)                                                                                    \
	X(socketpair, CREATE)                                                                                \
	X(pipe, CREATE)                                                                                      \
	X(pipe2, CREATE)                                                                                     \
	X(eventfd, CREATE)                                                                                   \
	X(eventfd2, CREATE)                                                                                  \
	X(timerfd_create, CREATE)                                                                            \
	X(signalfd, CREATE)                                                                                  \
	X(signalfd4, CREATE)                                                                                 \
	X(epoll_create, CREATE)                                                                              \
	X(epoll_create1, CREATE)                                                                             \
	X(open, CREATE)                                                                                      \
	X(openat, CREATE)                                                                                    \
	X(inotify_init1, CREATE)                                                                             \
	X(memfd_create, CREATE)                                                                              \
	X(pidfd_open, CREATE)                                                                                \
	X(pidfd_getfd, CREATE)                                                                               \
	X(accept, ACCEPT)                                                                                    \
	X(accept4, ACCEPT)                                                                                   \
	X(connect, CONNECT)                                                                                  \
	X(bind, OPTION)                                                                                      \
	X(listen, LISTEN)                                                                                    \
	X(read, READ)                                                                                        \
	X(readv, READ)                                                                                       \
	X(recvfrom, READ)                                                                                    \
	X(recvmsg, READ)                                                                                     \
	X(recvmmsg, READ)                                                                                    \
	X(write, WRITE)                                                                                      \
	X(writev, WRITE)                                                                                     \
	X(sendto, WRITE)                                                                                     \
	X(sendmsg, WRITE)                                                                                    \
	X(sendmmsg, WRITE)                                                                                   \
	X(sendfile, WRITE)                                                                                   \
	X(splice, WRITE)                                                                                     \
	X(close, CLOSE)                                                                                      \
	X(close_range, CLOSE)                                                                                \
	X(dup, DUP)                                                                                          \
	X(dup2, DUP)                                                                                         \
	X(dup3, DUP)                                                                                         \
	X(fcntl, OPTION)                                                                                     \
	X(ioctl, OPTION)                                                                                     \
	X(shutdown, SHUTDOWN)                                                                                \
	X(setsockopt, OPTION)                                                                                \
	X(getsockopt, OPTION)                                                                                \
	X(epoll_ctl, CTL)                                                                                    \
	X(epoll_wait, WAIT)                                                                                  \
	X(epoll_pwait, WAIT)                                                                                 \
	X(epoll_pwait2, WAIT)                                                                                \
	X(poll, WAIT)                                                                                        \
	X(ppoll, WAIT)                                                                                       \
	X(select, WAIT)                                                                                      \
	X(pselect6, WAIT)                                                                                    \
	X(io_uring_setup, RING)                                                                              \
	X(io_uring_enter, RING)                                                                              \
	X(io_uring_register, RING)                                                                           \
	X(nanosleep, OTHER)                                                                                  \
	X(clock_nanosleep, OTHER)                                                                            \
	X(prlimit64, OPTION)                                                                                 \
	X(setrlimit, OPTION)                                                                                 \
	X(alarm, OTHER)                                                                                      \
	X(setitimer, OTHER)                                                                                  \
	X(timer_settime, OTHER)

enum call {
#define X(name, class) CALL_##name,
	WRINGER_CALLS(X)
#undef X
	    CALL_COUNT
};

/* "epoll_wait"; "unknown" beyond the table. */
const char *call_name(enum call call);
extern const unsigned char call_classes[CALL_COUNT];
static inline enum call_class call_class(enum call call)
{
	return (unsigned)call < CALL_COUNT ? (enum call_class)call_classes[call] : CLASS_OTHER;
}
/* CALL_unknown for a name that is not in the table. */
enum call call_parse(const char *name);

#endif
