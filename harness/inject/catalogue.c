/* SPDX-License-Identifier: MIT */
/* Which call may fail how: what the man page lists, less what an argument must be wrong for (EFAULT, EINVAL
 * of flags …). */
#include "inject/fault.h"

#define ACCEPT_ERRNOS                                                                                        \
	"EAGAIN EBADF ECONNABORTED EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM EOPNOTSUPP EPERM EPROTO "       \
	"ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH ENOSR ESOCKTNOSUPPORT "              \
	"EPROTONOSUPPORT ETIMEDOUT"
#define READ_ERRNOS "EAGAIN EBADF EINTR EINVAL EIO EISDIR ECONNRESET ETIMEDOUT EHOSTUNREACH ENETUNREACH"
#define RECV_ERRNOS                                                                                          \
	"EAGAIN EBADF ECONNREFUSED EINTR ENOMEM ENOTCONN ECONNRESET ETIMEDOUT EHOSTUNREACH ENETUNREACH"
#define WRITE_ERRNOS                                                                                         \
	"EAGAIN EBADF EDQUOT EFBIG EINTR EIO ENOSPC EPERM EPIPE ECONNRESET ENOBUFS ENOMEM ETIMEDOUT "        \
	"EHOSTUNREACH ENETUNREACH"
#define SEND_ERRNOS                                                                                          \
	"EACCES EAGAIN EALREADY EBADF ECONNRESET EINTR EMSGSIZE ENOBUFS ENOMEM ENOTCONN EPIPE ETIMEDOUT "    \
	"EHOSTUNREACH ENETUNREACH"
#define MADE_ERRNOS   "EMFILE ENFILE ENOMEM"
#define SOCKET_ERRNOS "EACCES EAFNOSUPPORT EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT"
#define OPEN_ERRNOS                                                                                          \
	"EACCES EDQUOT EEXIST EINTR EIO EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM "       \
	"ENOSPC ENOTDIR ENXIO EPERM EROFS ETXTBSY"
#define DUP_ERRNOS  "EBADF EBUSY EINTR EMFILE ENOMEM"
#define POLL_ERRNOS "EINTR ENOMEM"

const struct fault_row fault_rows[] = {
    {CALL_socket, SOCKET_ERRNOS, false, "socket(2)"},
    {CALL_socketpair, "EAFNOSUPPORT EMFILE ENFILE ENOMEM EOPNOTSUPP EPROTONOSUPPORT", false, "socketpair(2)"},
    {CALL_pipe, MADE_ERRNOS, false, "pipe(2)"},
    {CALL_pipe2, MADE_ERRNOS, false, "pipe(2)"},
    {CALL_eventfd, MADE_ERRNOS " ENODEV", false, "eventfd(2)"},
    {CALL_eventfd2, MADE_ERRNOS " ENODEV", false, "eventfd(2)"},
    {CALL_timerfd_create, MADE_ERRNOS " ENODEV EPERM", false, "timerfd_create(2)"},
    {CALL_signalfd, MADE_ERRNOS " EBADF ENODEV", false, "signalfd(2)"},
    {CALL_signalfd4, MADE_ERRNOS " EBADF ENODEV", false, "signalfd(2)"},
    {CALL_epoll_create, MADE_ERRNOS, false, "epoll_create(2)"},
    {CALL_epoll_create1, MADE_ERRNOS, false, "epoll_create(2)"},
    {CALL_open, OPEN_ERRNOS, false, "open(2)"},
    {CALL_openat, OPEN_ERRNOS, false, "open(2)"},
    {CALL_inotify_init1, MADE_ERRNOS, false, "inotify_init(2)"},
    {CALL_memfd_create, MADE_ERRNOS " EPERM", false, "memfd_create(2)"},
    {CALL_pidfd_open, MADE_ERRNOS " ENODEV ESRCH", false, "pidfd_open(2)"},
    {CALL_pidfd_getfd, "EBADF EMFILE EPERM ESRCH", false, "pidfd_getfd(2)"},
    {CALL_accept, ACCEPT_ERRNOS, false, "accept(2)"},
    {CALL_accept4, ACCEPT_ERRNOS, false, "accept(2)"},
    {CALL_connect,
     "EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNREFUSED EINPROGRESS EINTR "
     "EISCONN "
     "ENETUNREACH EPERM EPROTOTYPE ETIMEDOUT EHOSTUNREACH ECONNRESET ENOENT",
     false, "connect(2)"},
    {CALL_bind, "EACCES EADDRINUSE EADDRNOTAVAIL EBADF EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EROFS",
     false, "bind(2)"},
    {CALL_listen, "EADDRINUSE EBADF EOPNOTSUPP", false, "listen(2)"},
    {CALL_read, READ_ERRNOS, true, "read(2)"},
    {CALL_readv, READ_ERRNOS, true, "readv(2)"},
    {CALL_recvfrom, RECV_ERRNOS, true, "recv(2)"},
    {CALL_recvmsg, RECV_ERRNOS, false, "recv(2)"},
    {CALL_recvmmsg, RECV_ERRNOS, false, "recvmmsg(2)"},
    {CALL_write, WRITE_ERRNOS, true, "write(2)"},
    {CALL_writev, WRITE_ERRNOS, true, "writev(2)"},
    {CALL_sendto, SEND_ERRNOS, true, "send(2)"},
    {CALL_sendmsg, SEND_ERRNOS, true, "send(2)"},
    {CALL_sendmmsg, SEND_ERRNOS, false, "sendmmsg(2)"},
    {CALL_sendfile, "EAGAIN EBADF EINTR EINVAL EIO ENOMEM EOVERFLOW ESPIPE EPIPE ECONNRESET ETIMEDOUT", true,
     "sendfile(2)"},
    {CALL_splice, "EAGAIN EBADF EINTR EINVAL ENOMEM ESPIPE EPIPE ECONNRESET", true, "splice(2)"},
    {CALL_close, "EBADF EINTR EIO ENOSPC EDQUOT", false, "close(2)"},
    {CALL_close_range, "EINVAL EMFILE ENOMEM", false, "close_range(2)"},
    {CALL_dup, "EBADF EMFILE ENOMEM", false, "dup(2)"},
    {CALL_dup2, DUP_ERRNOS, false, "dup(2)"},
    {CALL_dup3, DUP_ERRNOS, false, "dup(2)"},
    {CALL_fcntl, "EACCES EAGAIN EBADF EBUSY EDEADLK EINTR EINVAL EMFILE ENOLCK EPERM", false, "fcntl(2)"},
    {CALL_ioctl, "EBADF EINVAL ENOTTY", false, "ioctl(2)"},
    {CALL_shutdown, "EBADF ENOTCONN ENOTSOCK", false, "shutdown(2)"},
    {CALL_setsockopt, "EBADF EINVAL ENOPROTOOPT ENOTSOCK ENOMEM ENOBUFS EPERM", false, "setsockopt(2)"},
    {CALL_getsockopt, "EBADF EINVAL ENOPROTOOPT ENOTSOCK", false, "getsockopt(2)"},
    {CALL_epoll_ctl, "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM", false, "epoll_ctl(2)"},
    {CALL_epoll_wait, "EBADF EINTR EINVAL", false, "epoll_wait(2)"},
    {CALL_epoll_pwait, "EBADF EINTR EINVAL", false, "epoll_wait(2)"},
    {CALL_epoll_pwait2, "EBADF EINTR EINVAL", false, "epoll_wait(2)"},
    {CALL_poll, POLL_ERRNOS " EINVAL", false, "poll(2)"},
    {CALL_ppoll, POLL_ERRNOS " EINVAL", false, "poll(2)"},
    {CALL_select, POLL_ERRNOS " EBADF EINVAL", false, "select(2)"},
    {CALL_pselect6, POLL_ERRNOS " EBADF EINVAL", false, "select(2)"},
    {CALL_io_uring_setup, "EMFILE ENFILE ENOMEM EPERM ENOSYS", false, "io_uring_setup(2)"},
    {CALL_io_uring_enter, "EAGAIN EBADF EBADFD EBUSY EINTR EOPNOTSUPP ENXIO", false, "io_uring_enter(2)"},
    {CALL_io_uring_register, "EBADF EBUSY EMFILE ENOMEM ENXIO EOPNOTSUPP", false, "io_uring_register(2)"},
    {CALL_nanosleep, "EINTR", false, "nanosleep(2)"},
    {CALL_clock_nanosleep, "EINTR", false, "clock_nanosleep(2)"},
    {CALL_prlimit64, "EPERM ESRCH", false, "getrlimit(2)"},
    {CALL_setrlimit, "EPERM", false, "getrlimit(2)"},
};

const size_t fault_row_count = sizeof fault_rows / sizeof *fault_rows;

const struct fault_row *fault_row_find(enum call call)
{
	for (size_t i = 0; i < fault_row_count; i++)
		if (fault_rows[i].call == call)
			return &fault_rows[i];
	return NULL;
}
