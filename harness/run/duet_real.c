/* SPDX-License-Identifier: MIT */
/* The kernel's part of a duet: each step as system calls. */
#include "run/duet_real.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* For most calls the result is all there is. */
static void tell(struct outcome *outcome, int64_t result)
{
	outcome->result = result < 0 ? -errno : result;
}

static void tell_fd(const struct duet *duet, struct outcome *outcome, int fd)
{
	outcome->result = fd < 0 ? -errno : 0;
	outcome->numbers[0] = fd < 0 ? -1 : fd - duet->base;
}

static void tell_fds(const struct duet *duet, struct outcome *outcome, int r, const int fds[2])
{
	outcome->result = r < 0 ? -errno : 0;
	for (int i = 0; i < 2; i++)
		outcome->numbers[i] = r < 0 ? -1 : fds[i] - duet->base;
}

/* Small writes leave at once: nothing waits for company. What is accepted inherits it. */
static int hurry(int fd)
{
	static const int on = 1;

	return fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 ? fd : -1;
}

static int tcp_socket(void)
{
	return hurry(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/* Another address of loopback for each, so that ports do not run out while old connections linger. */
static struct sockaddr_in next_address(struct duet *duet, in_port_t port)
{
	uint32_t host = INADDR_LOOPBACK + 1 + duet->addresses++ % 0xfffff0u;

	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(host)};
}

void real_named(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)duet;
	(void)step;
	ret->result = 0;
}

void real_tcp(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct sockaddr_in address = next_address(duet, duet->address.sin_port);
	int fds[2] = {tcp_socket(), -1};

	(void)step;
	if (fds[0] >= 0 &&
	    (connect(fds[0], (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS))
		fds[1] = accept4(duet->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	tell_fds(duet, ret, fds[1], fds);
}

static void unix_pair(struct duet *duet, int type, struct outcome *ret)
{
	int fds[2], r = socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);

	tell_fds(duet, ret, r, fds);
}

void real_unix(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	unix_pair(duet, SOCK_STREAM, ret);
}

void real_packets(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	unix_pair(duet, SOCK_SEQPACKET, ret);
}

void real_datagrams(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	unix_pair(duet, SOCK_DGRAM, ret);
}

void real_tcp_socket(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	tell_fd(duet, ret, tcp_socket());
}

void real_unix_socket(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	tell_fd(duet, ret, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/* A TCP socket on all of loopback, a UNIX one under a name that the kernel finds. */
static void listen_with(struct duet *duet, const struct step *step, int backlog, struct outcome *ret)
{
	struct name *name = &duet->names[step->names[0]];
	bool is_tcp = kernel_family_of(duet->model, 0, name->number) == KERNEL_TCP;
	int fd = duet_fd(duet, step, 0);

	name->size = is_tcp ? sizeof name->address.inet : sizeof(sa_family_t);
	memset(&name->address, 0, sizeof name->address);
	name->address.any.sa_family = is_tcp ? AF_INET : AF_UNIX;
	tell(ret, bind(fd, &name->address.any, name->size));
	if (ret->result == 0)
		tell(ret, listen(fd, backlog));
	name->size = sizeof name->address;
	if (ret->result == 0)
		tell(ret, getsockname(fd, &name->address.any, &name->size));
}

void real_listen(struct duet *duet, const struct step *step, struct outcome *ret)
{
	listen_with(duet, step, DUET_BACKLOG, ret);
}

void real_listen_few(struct duet *duet, const struct step *step, struct outcome *ret)
{
	listen_with(duet, step, (int)step->number, ret);
}

void real_connect(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct name *to = &duet->names[step->names[1]];

	if (to->address.any.sa_family == AF_INET)
		to->address.inet = next_address(duet, to->address.inet.sin_port);
	tell(ret, connect(duet_fd(duet, step, 0), &to->address.any, to->size));
}

void real_accept(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell_fd(duet, ret, accept4(duet_fd(duet, step, 1), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

void real_pipe(struct duet *duet, const struct step *step, struct outcome *ret)
{
	int fds[2], r = pipe2(fds, O_NONBLOCK | O_CLOEXEC);

	(void)step;
	tell_fds(duet, ret, r, fds);
}

void real_packet_pipe(struct duet *duet, const struct step *step, struct outcome *ret)
{
	int fds[2], r = pipe2(fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC);

	(void)step;
	tell_fds(duet, ret, r, fds);
}

void real_eventfd(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell_fd(duet, ret, eventfd(step->number, EFD_NONBLOCK | EFD_CLOEXEC));
}

void real_semaphore(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell_fd(duet, ret, eventfd(step->number, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE));
}

void real_timerfd(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	tell_fd(duet, ret, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

void real_file(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	tell_fd(duet, ret, open("/dev/null", O_RDWR | O_CLOEXEC));
}

void real_epoll(struct duet *duet, const struct step *step, struct outcome *ret)
{
	(void)step;
	tell_fd(duet, ret, epoll_create1(EPOLL_CLOEXEC));
}

void real_dup(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell_fd(duet, ret, fcntl(duet_fd(duet, step, 1), F_DUPFD_CLOEXEC, 0));
}

void real_dup_to(struct duet *duet, const struct step *step, struct outcome *ret)
{
	int r = dup2(duet_fd(duet, step, 0), duet_fd(duet, step, 1));

	tell(ret, r < 0 ? r : r - duet->base);
}

void real_close(struct duet *duet, const struct step *step, struct outcome *ret)
{
	/* past whoever would have it that nobody closes what somebody else waits on: that is what is tried
	 * here */
	tell(ret, syscall(SYS_close, duet_fd(duet, step, 0)));
}

void real_reset(struct duet *duet, const struct step *step, struct outcome *ret)
{
	const struct linger linger = {.l_onoff = 1};
	int fd = duet_fd(duet, step, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	tell(ret, close(fd));
}

/* Holds what was open when it came to be, and nothing else. It shares memory and thread-local things with us,
 * of which a sanitizer knows nothing. */
__attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined"))) static int
hold(void *unused)
{
	(void)unused;
	(void)syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;)
		(void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	return 0;
}

static pid_t start_holder(struct name *name)
{
#ifdef __SANITIZE_THREAD__
	pid_t child = fork(); /* its run-time wants to know of everybody who shares memory */

	if (child == 0)
		(void)hold(name);
	return child;
#else
	/* a copy of the descriptors alone: a copy of the memory would cost a hundred times as much */
	return clone(hold, name->stack + sizeof name->stack, CLONE_VM | SIGCHLD, NULL);
#endif
}

void real_fork(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct name *name = &duet->names[step->names[0]];

	name->child = start_holder(name);
	tell(ret, name->child < 0 ? -1 : 0);
}

void real_exit(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct name *name = &duet->names[step->names[0]];
	pid_t r;

	(void)kill(name->child, SIGKILL);
	while ((r = waitpid(name->child, NULL, 0)) < 0 && errno == EINTR)
		; /* the fuzzer's own timer */
	tell(ret, r < 0 ? -1 : 0);
	name->child = 0;
}

union rights {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

void real_pass(struct duet *duet, const struct step *step, struct outcome *ret)
{
	union rights rights = {{0}};
	struct iovec byte = {.iov_base = (char[]){0}, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
	int fd = duet_fd(duet, step, 1);

	rights.align = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(&rights.align), &fd, sizeof fd);
	tell(ret, sendmsg(duet_fd(duet, step, 0), &message, MSG_NOSIGNAL));
}

void real_take(struct duet *duet, const struct step *step, struct outcome *ret)
{
	union rights rights = {{0}};
	struct iovec byte = {.iov_base = (char[]){0}, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
	ssize_t n = recvmsg(duet_fd(duet, step, 1), &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	int fd = -1;

	if (header)
		memcpy(&fd, CMSG_DATA(header), sizeof fd);
	else if (n >= 0)
		errno = ENODATA;
	tell_fd(duet, ret, fd);
}

void real_write(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell(ret, write(duet_fd(duet, step, 0), duet->sent, step->number));
}

void real_count(struct duet *duet, const struct step *step, struct outcome *ret)
{
	uint64_t value = step->number == 3 ? UINT64_MAX - 1 : step->number;

	tell(ret, write(duet_fd(duet, step, 0), &value, sizeof value));
}

void real_read(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell(ret, read(duet_fd(duet, step, 0), duet->got[0], step->number));
}

void real_peek(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell(ret, recv(duet_fd(duet, step, 0), duet->got[0], step->number, MSG_PEEK));
}

void real_fill(struct duet *duet, const struct step *step, struct outcome *ret)
{
	int64_t total = 0;
	ssize_t n;

	while ((n = write(duet_fd(duet, step, 0), duet->sent, 4096)) > 0)
		total += n;
	tell(ret, n);
	ret->total = kernel_family_of(duet->model, 0, duet_number(duet, step, 0)) < 0 ? total : 0;
}

void real_drain(struct duet *duet, const struct step *step, struct outcome *ret)
{
	ssize_t n = 1;

	for (int reads = 0; n > 0 && reads < DUET_READS; reads++)
		n = read(duet_fd(duet, step, 0), duet->got[0], DUET_BYTES);
	tell(ret, n);
}

void real_urgent(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell(ret, send(duet_fd(duet, step, 0), duet->sent, step->number, MSG_OOB));
}

void real_read_urgent(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell(ret, recv(duet_fd(duet, step, 0), duet->got[0], 1, MSG_OOB));
}

void real_inlined(struct duet *duet, const struct step *step, struct outcome *ret)
{
	static const int on = 1;

	tell(ret, setsockopt(duet_fd(duet, step, 0), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
}

void real_at_mark(struct duet *duet, const struct step *step, struct outcome *ret)
{
	int at_mark = 0, r = ioctl(duet_fd(duet, step, 0), SIOCATMARK, &at_mark);

	tell(ret, r < 0 ? r : at_mark);
}

void real_low_water(struct duet *duet, const struct step *step, struct outcome *ret)
{
	int bytes = (int)step->number;

	tell(ret, setsockopt(duet_fd(duet, step, 0), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes));
}

void real_shutdown(struct duet *duet, const struct step *step, struct outcome *ret)
{
	tell(ret, shutdown(duet_fd(duet, step, 0), (int)step->number));
}

void real_so_error(struct duet *duet, const struct step *step, struct outcome *ret)
{
	int value = 0;
	socklen_t size = sizeof value;
	int r = getsockopt(duet_fd(duet, step, 0), SOL_SOCKET, SO_ERROR, &value, &size);

	tell(ret, r < 0 ? r : value);
}

/* A timer of the past expires in an interrupt that comes soon: awaited by what it makes readable. */
void real_timer(struct duet *duet, const struct step *step, struct outcome *ret)
{
	static const struct timespec times[] = {{0, 0}, {0, 1}, {1000000000, 0}};
	struct itimerspec timer = {.it_value = times[step->number]};
	struct pollfd entry = {.fd = duet_fd(duet, step, 0), .events = POLLIN};

	tell(ret, timerfd_settime(entry.fd, TFD_TIMER_ABSTIME, &timer, NULL));
	if (ret->result == 0 && step->number == 1)
		(void)poll(&entry, 1, 1000);
}

static void control(struct duet *duet, const struct step *step, int op, struct outcome *ret)
{
	struct epoll_event event = {.events = step->number, .data.u64 = (uint64_t)step->names[1]};

	tell(ret, epoll_ctl(duet_fd(duet, step, 0), op, duet_fd(duet, step, 1), &event));
}

void real_add(struct duet *duet, const struct step *step, struct outcome *ret)
{
	control(duet, step, EPOLL_CTL_ADD, ret);
}

void real_mod(struct duet *duet, const struct step *step, struct outcome *ret)
{
	control(duet, step, EPOLL_CTL_MOD, ret);
}

void real_del(struct duet *duet, const struct step *step, struct outcome *ret)
{
	control(duet, step, EPOLL_CTL_DEL, ret);
}

void real_wait(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct epoll_event events[DUET_EVENTS];
	int n = epoll_wait(duet_fd(duet, step, 0), events, (int)step->number, 0);

	tell(ret, n);
	ret->count = n < 0 ? 0 : n;
	for (int i = 0; i < n; i++)
		ret->events[i] =
		    (struct kernel_event){.events = events[i].events, .data = events[i].data.u64};
}

void real_poll(struct duet *duet, const struct step *step, struct outcome *ret)
{
	struct pollfd entry = {.fd = duet_fd(duet, step, 0), .events = (short)DUET_POLL};
	int n = poll(&entry, 1, 0);

	if (n >= 0 && entry.revents & POLLNVAL) {
		errno = EBADF;
		n = -1;
	}
	tell(ret, n < 0 || entry.fd < 0 ? -1 : 0);
	if (entry.fd < 0)
		ret->result = -EBADF;
	ret->count = ret->result == 0;
	ret->events[0].events = ret->count ? (uint16_t)entry.revents : 0;
}
