/* SPDX-License-Identifier: MIT */
/* The target's side of test_calls: makes every call bare and writes down what the journal should say of it.
 */
#ifndef WRINGER_TEST_MADE_H
#define WRINGER_TEST_MADE_H

#include "play.h"

#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

#define DATA_MAX 256
#define MADE_MAX 200
#define FOR_EVER UINT64_MAX

/* What the journal should say; anything in arg is compared. */
struct made {
	uint32_t what, size;
	int32_t fd;
	int64_t ret;
	uint64_t arg[4];
	char data[DATA_MAX];
};

static struct made made[MADE_MAX];
static long made_count;

/* Every call under test stands between two marks. */
#define MADE(call, fd_, ret_, ...)                                                                           \
	do {                                                                                                 \
		play_mark(made_count);                                                                       \
		long got_ = (ret_);                                                                          \
		made[made_count++] =                                                                         \
		    (struct made){.what = CALL_##call, .fd = (fd_), .ret = got_, .arg = {__VA_ARGS__}};      \
	} while (0)
#define LAST (&made[made_count - 1])

static void with_data(const void *data, size_t size)
{
	memcpy(LAST->data, data, size);
	LAST->size = (uint32_t)size;
}

static void with_ready(uint64_t data, uint32_t events, int fd)
{
	struct ready ready = {.data = data, .events = events, .fd = fd};

	memcpy(LAST->data + LAST->size, &ready, sizeof ready);
	LAST->size += (uint32_t)sizeof ready;
}

static struct sockaddr_in loopback(void)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void make_fds(void)
{
	sigset_t mask;
	int pair[2];

	sigemptyset(&mask);
	MADE(socket, -1, RAW(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), AF_INET,
	     SOCK_STREAM | SOCK_NONBLOCK, 0);
	MADE(socket, -1, RAW(SYS_socket, 4242, SOCK_STREAM, 0), 4242, SOCK_STREAM, 0);
	MADE(socketpair, -1, RAW(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
	     SOCK_STREAM | SOCK_CLOEXEC, AF_UNIX, (uint32_t)pair[0], (uint32_t)pair[1]);
#ifdef SYS_pipe
	MADE(pipe, -1, RAW(SYS_pipe, pair), 0, 0, (uint32_t)pair[0], (uint32_t)pair[1]);
#endif
	MADE(pipe2, -1, RAW(SYS_pipe2, pair, O_NONBLOCK), O_NONBLOCK, 0, (uint32_t)pair[0],
	     (uint32_t)pair[1]);
#ifdef SYS_eventfd
	MADE(eventfd, -1, RAW(SYS_eventfd, 3), 0);
#endif
	MADE(eventfd2, -1, RAW(SYS_eventfd2, 3, EFD_CLOEXEC), EFD_CLOEXEC);
	MADE(timerfd_create, -1, RAW(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK), TFD_NONBLOCK);
#ifdef SYS_signalfd
	MADE(signalfd, -1, RAW(SYS_signalfd, -1, &mask, 8), 0);
#endif
	MADE(signalfd4, -1, RAW(SYS_signalfd4, -1, &mask, 8, O_CLOEXEC), O_CLOEXEC);
#ifdef SYS_epoll_create
	MADE(epoll_create, -1, RAW(SYS_epoll_create, 9), 0);
#endif
	MADE(epoll_create1, -1, RAW(SYS_epoll_create1, EPOLL_CLOEXEC), EPOLL_CLOEXEC);
#ifdef SYS_open
	MADE(open, -1, RAW(SYS_open, "/dev/null", O_RDONLY), O_RDONLY);
	MADE(open, -1, RAW(SYS_open, "/nowhere/at/all", O_RDONLY), O_RDONLY);
#endif
	MADE(openat, -1, RAW(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC), O_RDWR | O_CLOEXEC);
	MADE(inotify_init1, -1, RAW(SYS_inotify_init1, O_NONBLOCK), O_NONBLOCK);
	MADE(memfd_create, -1, RAW(SYS_memfd_create, "x", MFD_CLOEXEC), O_CLOEXEC);
	MADE(memfd_create, -1, RAW(SYS_memfd_create, "x", 0), 0);
	MADE(pidfd_open, -1, RAW(SYS_pidfd_open, getpid(), 0), O_CLOEXEC);
	MADE(pidfd_getfd, -1, RAW(SYS_pidfd_getfd, LAST->ret, 0, 0), O_CLOEXEC);
}

/* A listener and connections to it: with the address asked for, not asked for, and nobody there. */
static void make_connections(int *ret_near, int *ret_far)
{
	struct sockaddr_in address = loopback(), peer, local;
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), near, far;

	MADE(bind, listener, RAW(SYS_bind, listener, &address, sizeof address));
	with_data(&address, sizeof address);
	MADE(listen, listener, RAW(SYS_listen, listener, 17), 17);
	getsockname(listener, (struct sockaddr *)&address, &size);
	with_data(&address, sizeof address);

	MADE(accept4, listener, RAW(SYS_accept4, listener, &peer, &size, SOCK_NONBLOCK), SOCK_NONBLOCK);
	CHECK(LAST->ret == -EAGAIN);

	near = socket(AF_INET, SOCK_STREAM, 0);
	MADE(connect, near, RAW(SYS_connect, near, &address, sizeof address));
	with_data(&address, sizeof address);
	size = sizeof local;
	getsockname(near, (struct sockaddr *)&local, &size);
	MADE(accept4, listener, RAW(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC), SOCK_CLOEXEC);
	with_data(&local, sizeof local);

	near = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(near, (struct sockaddr *)&address, sizeof address) == 0);
	getsockname(near, (struct sockaddr *)&local, &size);
	size = sizeof peer;
	MADE(accept4, listener, RAW(SYS_accept4, listener, &peer, &size, 0), 0);
	with_data(&local, sizeof local);

	near = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(near, (struct sockaddr *)&address, sizeof address) == 0);
	getsockname(near, (struct sockaddr *)&local, &size);
	MADE(accept, listener, far = (int)RAW(SYS_accept, listener, &peer, &size), 0);
	with_data(&local, sizeof local);
	*ret_near = near;
	*ret_far = far;
}

static void make_options(int fd)
{
	int one = 1, value = 0, none = 0;
	struct linger linger = {1, 0};
	uint64_t packed;
	socklen_t size = sizeof value;

	MADE(setsockopt, fd, RAW(SYS_setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &one, 4), SOL_SOCKET,
	     SO_KEEPALIVE, 1);
	memcpy(&packed, &linger, sizeof packed);
	MADE(setsockopt, fd, RAW(SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger),
	     SOL_SOCKET, SO_LINGER, packed);
	linger.l_onoff = 0;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	MADE(getsockopt, fd, RAW(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &value, &size), SOL_SOCKET, SO_TYPE,
	     SOCK_STREAM);
	MADE(getsockopt, fd, RAW(SYS_getsockopt, fd, 4242, 1, &value, &size), 4242, 1);
	MADE(fcntl, fd, RAW(SYS_fcntl, fd, F_SETFL, O_NONBLOCK), F_SETFL, O_NONBLOCK);
	MADE(fcntl, fd, RAW(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 200), F_DUPFD_CLOEXEC, 200);
	MADE(ioctl, fd, RAW(SYS_ioctl, fd, FIONBIO, &none), FIONBIO, 0);
	MADE(ioctl, fd, RAW(SYS_ioctl, fd, FIONBIO, &one), FIONBIO, 1);
	MADE(ioctl, fd, RAW(SYS_ioctl, fd, FIONREAD, &value), FIONREAD, 0);
	ioctl(fd, FIONBIO, &none);
}

static void make_transfers(int near, int far)
{
	char text[64] = "0123456789";
	struct iovec iov[3] = {{text, 3}, {text + 10, 0}, {text + 20, 30}};
	struct sockaddr_in from;
	socklen_t size = sizeof from;

	MADE(write, near, RAW(SYS_write, near, text, 10), 10);
	MADE(read, far, RAW(SYS_read, far, text, 64), 64);
	MADE(writev, near, RAW(SYS_writev, near, iov, 3), 33);
	MADE(readv, far, RAW(SYS_readv, far, iov, 2), 3);
	MADE(recvfrom, far, RAW(SYS_recvfrom, far, text, 30, MSG_PEEK, &from, &size), 30, MSG_PEEK);
	MADE(recvfrom, far, RAW(SYS_recvfrom, far, text, 64, 0, NULL, NULL), 64, 0);
	MADE(recvfrom, far, RAW(SYS_recvfrom, far, text, 64, MSG_DONTWAIT, NULL, NULL), 64, MSG_DONTWAIT);
	CHECK(LAST->ret == -EAGAIN);
	MADE(sendto, near, RAW(SYS_sendto, near, text, 8, MSG_NOSIGNAL, NULL, 0), 8, MSG_NOSIGNAL);
	MADE(read, far, RAW(SYS_read, far, (void *)8, 8), 8);
	CHECK(LAST->ret == -EFAULT);
	recv(far, text, sizeof text, 0);
	MADE(read, 4242, RAW(SYS_read, 4242, text, 8), 8);
	MADE(write, -1, RAW(SYS_write, -1, text, 0), 0);
}

static void make_files(int near, int far)
{
	int file = memfd_create("file", 0), ends[2];
	char text[64];

	CHECK(write(file, "0123456789", 10) == 10 && lseek(file, 0, SEEK_SET) == 0);
	CHECK(pipe(ends) == 0);
	MADE(sendfile, near, RAW(SYS_sendfile, near, file, NULL, 10), 10, 0, (uint32_t)file);
	MADE(splice, ends[1], RAW(SYS_splice, far, NULL, ends[1], NULL, 64, 1), 64, 1, (uint32_t)far);
	CHECK(LAST->ret == 10);
	CHECK(read(ends[0], text, sizeof text) == 10);
}

/* Fds passed over a socket, on both sides; and a plain message in two parts. */
static void make_messages(void)
{
	char text[32] = "message", control[CMSG_SPACE(2 * sizeof(int))] = {0};
	struct iovec iov[2] = {{text, 3}, {text + 8, 4}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	int pair[2], fds[2] = {0, 1}, got[2];
	struct cmsghdr *header;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MADE(sendmsg, pair[0], RAW(SYS_sendmsg, pair[0], &message, MSG_NOSIGNAL), 7, MSG_NOSIGNAL);
	MADE(recvmsg, pair[1], RAW(SYS_recvmsg, pair[1], &message, 0), 7, 0);
	message.msg_control = control;
	message.msg_controllen = sizeof control;
	header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fds)};
	memcpy(CMSG_DATA(header), fds, sizeof fds);
	MADE(sendmsg, pair[0], RAW(SYS_sendmsg, pair[0], &message, 0), 7, 0, 0, 2);
	with_data(fds, sizeof fds);
	memset(control, 0, sizeof control);
	MADE(recvmsg, pair[1], RAW(SYS_recvmsg, pair[1], &message, MSG_CMSG_CLOEXEC), 7, MSG_CMSG_CLOEXEC, 0,
	     2);
	memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
	with_data(got, sizeof got);
	MADE(recvmsg, pair[1], RAW(SYS_recvmsg, pair[1], &message, MSG_DONTWAIT), 7, MSG_DONTWAIT);
	MADE(recvmsg, pair[1], RAW(SYS_recvmsg, pair[1], (void *)16, MSG_DONTWAIT), 0, MSG_DONTWAIT);
	CHECK(LAST->ret == -EFAULT);
}

static void make_many_messages(void)
{
	char text[32];
	struct iovec iov[2] = {{text, 3}, {text, 5}};
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	MADE(sendmmsg, pair[0], RAW(SYS_sendmmsg, pair[0], messages, 2, MSG_NOSIGNAL), 0, MSG_NOSIGNAL, 8);
	MADE(recvmmsg, pair[1], RAW(SYS_recvmmsg, pair[1], messages, 2, MSG_DONTWAIT, NULL), 0, MSG_DONTWAIT,
	     8);
	MADE(recvmmsg, pair[1], RAW(SYS_recvmmsg, pair[1], messages, 2, MSG_DONTWAIT, NULL), 0, MSG_DONTWAIT,
	     0);
}

static void make_numbers(void)
{
	int fd = dup(0);

	MADE(dup, 0, RAW(SYS_dup, 0));
#ifdef SYS_dup2
	MADE(dup2, 0, RAW(SYS_dup2, 0, fd));
#endif
	MADE(dup3, 0, RAW(SYS_dup3, 0, fd, O_CLOEXEC), O_CLOEXEC);
	MADE(dup, 4242, RAW(SYS_dup, 4242));
	MADE(close, fd, RAW(SYS_close, fd));
	MADE(close, fd, RAW(SYS_close, fd));
	CHECK(LAST->ret == -EBADF);
	MADE(close, -1, RAW(SYS_close, -1));
	MADE(close_range, -1, RAW(SYS_close_range, 3000, 4000, 0), 3000, 4000, 0);
}

static void make_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x123456789abcdef0}, out[4];
	struct timespec spec = {.tv_sec = 1, .tv_nsec = 5};
	int epoll = epoll_create1(0), one = eventfd(1, 0), two = eventfd(0, 0);

	MADE(epoll_ctl, one, RAW(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, one, &event), (uint32_t)epoll,
	     EPOLL_CTL_ADD, event.events, event.data.u64);
	event = (struct epoll_event){.events = EPOLLOUT, .data.fd = two};
	MADE(epoll_ctl, two, RAW(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, two, &event), (uint32_t)epoll,
	     EPOLL_CTL_ADD, EPOLLOUT, event.data.u64);
	MADE(epoll_ctl, two, RAW(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, two, &event), (uint32_t)epoll,
	     EPOLL_CTL_ADD, EPOLLOUT, event.data.u64);
	CHECK(LAST->ret == -EEXIST);
#ifdef SYS_epoll_wait
	MADE(epoll_wait, epoll, RAW(SYS_epoll_wait, epoll, out, 4, 1500), 4, 1500000000);
	with_ready(0x123456789abcdef0, EPOLLIN, -1);
	with_ready(event.data.u64, EPOLLOUT, -1);
	CHECK(LAST->ret == 2);
#endif
	MADE(epoll_pwait, epoll, RAW(SYS_epoll_pwait, epoll, out, 1, -1, NULL, 8), 1, FOR_EVER);
	with_ready(event.data.u64, EPOLLOUT, -1);
	MADE(epoll_pwait2, epoll, RAW(SYS_epoll_pwait2, epoll, out, 4, &spec, NULL, 8), 4, 1000000005);
	with_ready(event.data.u64, EPOLLOUT, -1);
	MADE(epoll_ctl, two, RAW(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, two, NULL), (uint32_t)epoll,
	     EPOLL_CTL_DEL);
	MADE(epoll_pwait, epoll, RAW(SYS_epoll_pwait, epoll, out, 4, 0, NULL, 8), 4, 0);
	MADE(epoll_pwait, -1, RAW(SYS_epoll_pwait, -1, out, 4, 0, NULL, 8), 4, 0);
}

static void make_polls(void)
{
	struct timespec spec = {.tv_nsec = 7000};
	int one = eventfd(1, 0), two = eventfd(0, 0);
	struct pollfd fds[3] = {{two, POLLIN, 0}, {one, POLLIN | POLLPRI, 0}, {4242, POLLOUT, 0}};

#ifdef SYS_poll
	MADE(poll, -1, RAW(SYS_poll, fds, 3, 250), 3, 250000000);
	with_ready(POLLIN | POLLPRI, POLLIN, one);
	with_ready(POLLOUT, POLLNVAL, 4242);
	MADE(poll, -1, RAW(SYS_poll, fds, 1, 0), 1, 0);
#endif
	MADE(ppoll, -1, RAW(SYS_ppoll, fds, 2, NULL, NULL, 8), 2, FOR_EVER);
	with_ready(POLLIN | POLLPRI, POLLIN, one);
	MADE(ppoll, -1, RAW(SYS_ppoll, fds, 1, &spec, NULL, 8), 1, 7000);
}

static void make_selects(void)
{
	struct timespec spec = {.tv_sec = 2};
	int one = eventfd(1, 0), two = eventfd(0, 0), most = two + 1;
	fd_set in, out, except;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(one, &in);
	FD_SET(two, &in);
	FD_SET(two, &out);
	FD_SET(one, &except);
#ifdef SYS_select
	struct timeval val = {.tv_usec = 300000};
	fd_set in_copy = in, out_copy = out, except_copy = except;
	MADE(select, -1, RAW(SYS_select, most, &in_copy, &out_copy, &except_copy, &val), (uint32_t)most,
	     300000000);
	with_ready(EPOLLIN | EPOLLPRI, EPOLLIN, one);
	with_ready(EPOLLIN | EPOLLOUT, EPOLLOUT, two);
	MADE(select, -1, RAW(SYS_select, 0, NULL, NULL, NULL, &(struct timeval){0}), 0, 0);
#endif
	MADE(pselect6, -1, RAW(SYS_pselect6, most, &in, NULL, NULL, &spec, NULL), (uint32_t)most, 2000000000);
	with_ready(EPOLLIN, EPOLLIN, one);
	MADE(pselect6, -1, RAW(SYS_pselect6, -1, NULL, NULL, NULL, NULL, NULL), (uint32_t)-1, FOR_EVER);
}

/* A container's filter that refuses io_uring comes before ours: then the calls are not seen. */
static bool rings_are_filtered(void)
{
	struct io_uring_params params = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 8, &params);

	if (ring >= 0)
		close(ring);
	return ring < 0 && errno == EPERM;
}

/* Refused or not by this kernel, the calls are seen. */
static void make_rings(void)
{
	struct io_uring_params params = {0};
	int ring;

	if (rings_are_filtered())
		return;
	MADE(io_uring_setup, -1, ring = (int)RAW(SYS_io_uring_setup, 8, &params), 8);
	MADE(io_uring_enter, ring, RAW(SYS_io_uring_enter, ring, 0, 0, 1, NULL, 0), 0, 0, 1);
	MADE(io_uring_register, ring, RAW(SYS_io_uring_register, ring, 4242, NULL, 0), 4242);
}

static void make_rest(int near)
{
	struct timespec spec = {.tv_nsec = 1000};
	struct rlimit limit;
	struct itimerval never = {.it_value.tv_sec = 0};

	MADE(nanosleep, -1, RAW(SYS_nanosleep, &spec, NULL), 0, 1000);
	MADE(clock_nanosleep, -1, RAW(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &spec, NULL), 0, 1000);
	MADE(prlimit64, -1, RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit), RLIMIT_NOFILE, FOR_EVER);
	limit.rlim_cur = 512;
	MADE(prlimit64, -1, RAW(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL), RLIMIT_NOFILE, 512);
#ifdef SYS_setrlimit
	MADE(setrlimit, -1, RAW(SYS_setrlimit, RLIMIT_NOFILE, &limit), RLIMIT_NOFILE, 512);
#endif
#ifdef SYS_alarm
	MADE(alarm, -1, RAW(SYS_alarm, 0), 0);
#endif
	MADE(setitimer, -1, RAW(SYS_setitimer, ITIMER_VIRTUAL, &never, NULL), ITIMER_VIRTUAL);
	MADE(timer_settime, -1, RAW(SYS_timer_settime, 4242, 0, &never, NULL));
	MADE(shutdown, near, RAW(SYS_shutdown, near, SHUT_WR), SHUT_WR);
	MADE(shutdown, 0, RAW(SYS_shutdown, 0, SHUT_RD), SHUT_RD);
}

static int part_calls(void)
{
	int near, far;

	make_fds();
	make_connections(&near, &far);
	make_options(far);
	make_transfers(near, far);
	make_files(near, far);
	make_messages();
	make_many_messages();
	make_numbers();
	make_epoll();
	make_polls();
	make_selects();
	make_rings();
	make_rest(near);
	play_mark(made_count);
	CHECK(write(PLAY_RESULT, made, (size_t)made_count * sizeof *made) > 0);
	return 0;
}

#endif
