/* SPDX-License-Identifier: MIT */
/*
 * The table of masks. The sources name files of the kernel's tree; what several rows share is said once:
 * tcp_poll() of net/ipv4/tcp.c makes a TCP socket's mask, tcp_reset() and tcp_fin() of tcp_input.c what an
 * arriving RST or FIN does to it, unix_poll() of net/unix/af_unix.c a UNIX socket's, pipe_poll() of fs/pipe.c
 * a pipe's.
 */
#include "model/mask.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

#define IN    EPOLLIN
#define OUT   EPOLLOUT
#define PRI   EPOLLPRI
#define RDHUP EPOLLRDHUP
#define ERR   EPOLLERR
#define HUP   EPOLLHUP
#define DEAD  (IN | OUT | RDHUP | HUP) /* both directions of a stream are shut down */

#define TCP_POLL  "net/ipv4/tcp.c, tcp_poll"
#define TCP_FIN	  "net/ipv4/tcp_input.c, tcp_fin"
#define TCP_RESET "net/ipv4/tcp_input.c, tcp_reset"
#define TCP_TIMER "net/ipv4/tcp_timer.c, tcp_write_err"
#define UNIX_POLL "net/unix/af_unix.c, unix_poll"
#define UNIX_GONE "net/unix/af_unix.c, unix_release_sock"
#define PIPE_POLL "fs/pipe.c, pipe_poll"

/* clang-format off */
const struct mask_row mask_rows[] = {
	/* name, state, must, may, SO_ERROR, must after it, receive, source */
	{"idle", "idle",
	 OUT, 0, 0, OUT, MASK_WAITS, TCP_POLL},
	{"data", "3 bytes arrived",
	 IN | OUT, 0, 0, IN | OUT, 3, TCP_POLL},
	{"fin", "peer closed (FIN)",
	 IN | OUT | RDHUP, 0, 0, IN | OUT | RDHUP, 0, TCP_FIN},
	{"half-close", "peer shut down writing (FIN)",
	 IN | OUT | RDHUP, 0, 0, IN | OUT | RDHUP, 0, TCP_FIN},
	{"data-fin", "3 bytes, then FIN",
	 IN | OUT | RDHUP, 0, 0, IN | OUT | RDHUP, 3, TCP_FIN},
	{"peer-shut-reading", "peer shut down reading only",
	 OUT, 0, 0, OUT, MASK_WAITS, "net/ipv4/tcp.c, tcp_shutdown: nothing is sent"},
	{"rst", "peer reset",
	 DEAD | ERR, 0, ECONNRESET, DEAD, -ECONNRESET, TCP_RESET},
	{"close-unread", "peer closed with our bytes unread (RST)",
	 DEAD | ERR, 0, ECONNRESET, DEAD, -ECONNRESET, "net/ipv4/tcp.c, __tcp_close"},
	{"data-rst", "3 bytes, then reset",
	 DEAD | ERR, 0, ECONNRESET, DEAD, 3, TCP_RESET ", tcp.c, tcp_recvmsg_locked"},
	{"fin-write-rst", "FIN, we write, RST",
	 DEAD | ERR, 0, EPIPE, DEAD, 0, TCP_RESET ": EPIPE in CLOSE_WAIT"},
	{"shut-writing", "we shut down writing",
	 OUT, 0, 0, OUT, MASK_WAITS, TCP_POLL},
	{"shut-reading", "we shut down reading",
	 IN | OUT | RDHUP, 0, 0, IN | OUT | RDHUP, 0, TCP_POLL},
	{"shut-both", "we shut down both directions",
	 DEAD, 0, 0, DEAD, 0, TCP_POLL},
	{"fin-shut-writing", "FIN, and we shut down writing",
	 DEAD, 0, 0, DEAD, 0, TCP_POLL},
	{"urgent", "urgent byte",
	 OUT | PRI, 0, 0, OUT | PRI, MASK_WAITS, "net/ipv4/tcp_input.c, tcp_check_urg"},
	{"urgent-inline", "urgent byte with SO_OOBINLINE",
	 IN | OUT | PRI, 0, 0, IN | OUT | PRI, 1, TCP_POLL},
	{"stalled", "peer takes no more, send buffer full",
	 0, 0, 0, 0, MASK_WAITS, TCP_POLL ", sk_stream_is_writeable"},
	{"vanished", "peer vanished",
	 OUT, 0, 0, OUT, MASK_WAITS, "tcp(7): until a retransmission or keep-alive gives up"},
	{"user-timeout", "bytes unacknowledged past TCP_USER_TIMEOUT",
	 DEAD | ERR, 0, ETIMEDOUT, DEAD, -ETIMEDOUT, TCP_TIMER},
	{"keepalive-death", "keep-alive unanswered",
	 DEAD | ERR, 0, ETIMEDOUT, DEAD, -ETIMEDOUT, TCP_TIMER},
	{"unconnected", "never connected",
	 OUT | HUP, 0, 0, OUT | HUP, -ENOTCONN, TCP_POLL},
	{"connecting", "connect in progress",
	 0, 0, 0, 0, MASK_WAITS, TCP_POLL ": nothing in SYN_SENT"},
	{"connected", "connect succeeded",
	 OUT, 0, 0, OUT, MASK_WAITS, "connect(2), EINPROGRESS"},
	{"refused", "connect refused",
	 DEAD | ERR, 0, ECONNREFUSED, DEAD, -ECONNREFUSED, TCP_RESET},

	{"listener", "listener, nobody connects",
	 0, 0, 0, 0, -ENOTCONN, "include/net/inet_connection_sock.h, inet_csk_listen_poll"},
	{"listener-queue", "listener, a connection is queued",
	 IN, 0, 0, IN, -ENOTCONN, "include/net/inet_connection_sock.h, inet_csk_listen_poll"},
	{"listener-queue-rst", "listener, the queued connection was reset",
	 IN, 0, 0, IN, -ENOTCONN, "accept(2); net/ipv4/inet_connection_sock.c, inet_csk_accept"},
	{"listener-shut", "listener shut down",
	 OUT | HUP, 0, 0, OUT | HUP, -ENOTCONN, "net/ipv4/af_inet.c, inet_shutdown"},

	{"unix-idle", "unix: idle",
	 OUT, 0, 0, OUT, MASK_WAITS, UNIX_POLL},
	{"unix-data", "unix: 3 bytes arrived",
	 IN | OUT, 0, 0, IN | OUT, 3, UNIX_POLL},
	{"unix-closed", "unix: peer closed",
	 DEAD, 0, 0, DEAD, 0, UNIX_GONE},
	{"unix-data-closed", "unix: 3 bytes, then peer closed",
	 DEAD, 0, 0, DEAD, 3, UNIX_GONE},
	{"unix-closed-unread", "unix: peer closed with our bytes unread",
	 DEAD | ERR, 0, ECONNRESET, DEAD, -ECONNRESET, UNIX_GONE},
	{"unix-half-close", "unix: peer shut down writing",
	 IN | OUT | RDHUP, 0, 0, IN | OUT | RDHUP, 0, "net/unix/af_unix.c, unix_shutdown"},
	{"unix-shut-both", "unix: we shut down both directions",
	 DEAD, 0, 0, DEAD, 0, "net/unix/af_unix.c, unix_shutdown"},
	{"unix-stalled", "unix: peer does not read, buffer full",
	 0, 0, 0, 0, MASK_WAITS, UNIX_POLL ", unix_writable"},
	{"unix-unconnected", "unix: never connected",
	 OUT | HUP, 0, 0, OUT | HUP, -EINVAL, UNIX_POLL},
	{"unix-listener", "unix: listener, nobody connects",
	 0, 0, 0, 0, -EINVAL, UNIX_POLL},
	{"unix-listener-queue", "unix: listener, a connection is queued",
	 IN, 0, 0, IN, -EINVAL, UNIX_POLL},

	{"udp-idle", "udp: idle",
	 OUT, 0, 0, OUT, MASK_WAITS, "net/core/datagram.c, datagram_poll"},
	{"udp-data", "udp: a datagram of 3 bytes arrived",
	 IN | OUT, 0, 0, IN | OUT, 3, "net/core/datagram.c, datagram_poll"},
	{"udp-unreachable", "udp: the port we sent to is closed (ICMP)",
	 OUT | ERR, 0, ECONNREFUSED, OUT, -ECONNREFUSED, "net/ipv4/udp.c, __udp4_lib_err"},

	{"pipe-empty", "pipe, reading end: empty",
	 0, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},
	{"pipe-data", "pipe, reading end: 3 bytes",
	 IN, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},
	{"pipe-writer-closed", "pipe, reading end: writer closed",
	 HUP, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},
	{"pipe-data-writer-closed", "pipe, reading end: 3 bytes, writer closed",
	 IN | HUP, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},
	{"pipe-room", "pipe, writing end: room",
	 OUT, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},
	{"pipe-full", "pipe, writing end: full",
	 0, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},
	{"pipe-reader-closed", "pipe, writing end: reader closed",
	 OUT | ERR, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},
	{"pipe-full-reader-closed", "pipe, writing end: full, reader closed",
	 ERR, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, PIPE_POLL},

	{"eventfd-zero", "eventfd: 0",
	 OUT, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "eventfd(2)"},
	{"eventfd-one", "eventfd: 1",
	 IN | OUT, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "eventfd(2)"},
	{"eventfd-full", "eventfd: at its maximum",
	 IN, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "eventfd(2)"},
	{"timerfd-armed", "timerfd: not yet expired",
	 0, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "timerfd_create(2)"},
	{"timerfd-expired", "timerfd: expired",
	 IN, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "timerfd_create(2)"},
	{"signalfd-idle", "signalfd: no signal",
	 0, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "signalfd(2)"},
	{"pidfd-alive", "pidfd: the process lives",
	 0, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "pidfd_open(2)"},
	{"pidfd-dead", "pidfd: the process ended",
	 IN, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "pidfd_open(2)"},
	{"pidfd-reaped", "pidfd: the process was waited for",
	 IN, HUP, MASK_NO_SOCKET, 0, -ENOTSOCK, "fs/pidfs.c, pidfd_poll: HUP since 6.9"},
	{"nested-quiet", "epoll in an epoll: nothing ready",
	 0, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "epoll(7), questions and answers"},
	{"nested-ready", "epoll in an epoll: one fd ready",
	 IN, 0, MASK_NO_SOCKET, 0, -ENOTSOCK, "epoll(7), questions and answers"},
	{NULL, NULL, 0, 0, 0, 0, 0, NULL},
};
/* clang-format on */
