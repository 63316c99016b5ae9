/* SPDX-License-Identifier: MIT */
#include "run/truth_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"

#define PATIENCE    (3 * NS_PER_S)
#define SMALL_QUEUE 4096

void stand_init(struct stand *stand)
{
	*stand = (struct stand){.fd = -1};
}

static void take_signal(struct stand *stand)
{
	static const struct timespec none = {0, 0};
	sigset_t one;

	if (!stand->pending)
		return;
	(void)sigemptyset(&one);
	(void)sigaddset(&one, stand->pending);
	(void)sigtimedwait(&one, NULL, &none);
	(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
	stand->pending = 0;
}

int stand_raise(struct stand *stand, int signal)
{
	sigset_t one;

	(void)sigemptyset(&one);
	(void)sigaddset(&one, signal);
	if (sigprocmask(SIG_BLOCK, &one, NULL) < 0 || raise(signal) != 0)
		return -errno;
	stand->pending = signal;
	return 0;
}

void stand_free(struct stand *stand)
{
	take_signal(stand);
	(void)stand_child_end(stand, true);
	while (stand->count)
		(void)close(stand->held[--stand->count]);
	stand->fd = -1;
}

int stand_hold(struct stand *stand, int fd)
{
	if (fd < 0)
		return -errno;
	if (stand->count == STAND_HELD) {
		(void)close(fd);
		return -EMFILE;
	}
	stand->held[stand->count++] = fd;
	return fd;
}

void stand_close(struct stand *stand, int fd)
{
	for (size_t i = 0; i < stand->count; i++) {
		if (stand->held[i] != fd)
			continue;
		stand->held[i] = stand->held[--stand->count];
		(void)close(fd);
		return;
	}
}

/* Waits for a cause. Looking again is bounded, and costs nothing where the cause is there at once. */
static int until(int (*met)(int fd, long wanted), int fd, long wanted)
{
	uint64_t end = clock_now() + PATIENCE;
	int r;

	while ((r = met(fd, wanted)) == 0) {
		if (clock_now() > end)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, 1);
	}
	return r < 0 ? r : 0;
}

static int tcp_facts(int fd, struct tcp_info *ret_info)
{
	socklen_t size = sizeof *ret_info;

	memset(ret_info, 0, sizeof *ret_info);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret_info, &size) < 0 ? -errno : 0;
}

static int has_state(int fd, long wanted)
{
	struct tcp_info info;
	int r = tcp_facts(fd, &info);

	return r < 0 ? r : info.tcpi_state == wanted;
}

int until_tcp(int fd, int state)
{
	return until(has_state, fd, state);
}

static int has_queued(int fd, long wanted)
{
	int queued = 0;

	return ioctl(fd, FIONREAD, &queued) < 0 ? -errno : queued >= wanted;
}

int until_queued(int fd, int bytes)
{
	return until(has_queued, fd, bytes);
}

/* Of a listener tcpi_unacked is the accept queue: net/ipv4/tcp.c, tcp_get_info. */
static int has_accepting(int fd, long wanted)
{
	struct tcp_info info;
	int r = tcp_facts(fd, &info);

	return r < 0 ? r : (long)info.tcpi_unacked >= wanted;
}

int until_accepting(int listener, unsigned connections)
{
	return until(has_accepting, listener, connections);
}

static int has_probed(int fd, long wanted)
{
	struct tcp_info info;
	int r = tcp_facts(fd, &info);

	return r < 0 ? r : (long)info.tcpi_probes >= wanted;
}

int until_probed(int fd)
{
	return until(has_probed, fd, 1);
}

int until_polled(int fd, short events)
{
	struct pollfd entry = {.fd = fd, .events = events};

	return poll(&entry, 1, (int)(PATIENCE / NS_PER_MS)) > 0 ? 0 : -ETIMEDOUT;
}

static int loopback(int fd, struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof *ret_address;

	*ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	if (bind(fd, (struct sockaddr *)ret_address, size) < 0)
		return -errno;
	return getsockname(fd, (struct sockaddr *)ret_address, &size) < 0 ? -errno : 0;
}

static int connect_to(int fd, int bound)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;

	if (getsockname(bound, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, size) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

int stand_tcp_bound(struct stand *stand)
{
	struct sockaddr_in address;
	int fd = stand_hold(stand, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	int r = fd < 0 ? fd : loopback(fd, &address);

	return r < 0 ? r : fd;
}

int stand_tcp_connect(struct stand *stand, int bound)
{
	int fd = stand_hold(stand, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	int r = fd < 0 ? fd : connect_to(fd, bound);

	return r < 0 ? r : fd;
}

int stand_tcp_pair(struct stand *stand, int ret_pair[2])
{
	int listener = stand_tcp_bound(stand), peer, ours;

	if (listener < 0)
		return listener;
	if (listen(listener, 1) < 0)
		return -errno;
	peer = stand_tcp_connect(stand, listener);
	if (peer < 0)
		return peer;
	int r = until_accepting(listener, 1);
	if (r < 0)
		return r;
	ours = stand_hold(stand, accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	stand_close(stand, listener);
	ret_pair[0] = ours;
	ret_pair[1] = peer;
	return ours < 0 ? ours : 0;
}

static int hold_both(struct stand *stand, const int made[2], int ret_pair[2])
{
	ret_pair[0] = stand_hold(stand, made[0]);
	ret_pair[1] = stand_hold(stand, made[1]);
	return ret_pair[0] < 0 ? ret_pair[0] : ret_pair[1] < 0 ? ret_pair[1] : 0;
}

int stand_unix_pair(struct stand *stand, int ret_pair[2])
{
	int made[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made) < 0)
		return -errno;
	return hold_both(stand, made, ret_pair);
}

int stand_pipe(struct stand *stand, int ret_ends[2])
{
	int made[2];

	if (pipe2(made, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	return hold_both(stand, made, ret_ends);
}

int stand_udp_pair(struct stand *stand, int ret_pair[2])
{
	struct sockaddr_in address;
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		int fd = stand_hold(stand, socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
		r = fd < 0 ? fd : loopback(fd, &address);
		ret_pair[i] = fd;
	}
	return r < 0 ? r : connect_to(ret_pair[0], ret_pair[1]);
}

int stand_epoll(struct stand *stand)
{
	return stand_hold(stand, epoll_create1(EPOLL_CLOEXEC));
}

static _Noreturn void live_until_ended(int keep)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (keep > 0)
		(void)close_range(0, (unsigned)keep - 1, 0);
	(void)close_range(keep >= 0 ? (unsigned)keep + 1 : 0, ~0u, 0);
	for (;;)
		(void)pause();
}

/* What the child must not hold it has let go of once the pipe, which it does not keep either, ends. */
int stand_child(struct stand *stand, int keep)
{
	int ends[2];
	char nothing;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	stand->child = fork();
	if (stand->child == 0)
		live_until_ended(keep);
	int r = stand->child < 0 ? -errno : 0;
	(void)close(ends[1]);
	if (r == 0 && read(ends[0], &nothing, 1) != 0)
		r = -EIO;
	(void)close(ends[0]);
	if (stand->child < 0)
		stand->child = 0;
	return r;
}

int stand_child_end(struct stand *stand, bool reap)
{
	siginfo_t info;
	int r;

	if (stand->child <= 0)
		return 0;
	(void)kill(stand->child, SIGKILL);
	do
		r = waitid(P_PID, (id_t)stand->child, &info, WEXITED | (reap ? 0 : WNOWAIT));
	while (r < 0 && errno == EINTR);
	if (reap)
		stand->child = 0;
	return r < 0 ? -errno : 0;
}

/* MSG_NOSIGNAL is for sockets only; a pipe whose reader is gone is never written to here. */
int send_bytes(int fd, size_t size)
{
	static const char bytes[16] = "abcdefghijklmno";
	ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

	if (sent < 0 && errno == ENOTSOCK)
		sent = write(fd, bytes, size);
	return sent == (ssize_t)size ? 0 : -EIO;
}

int fill(int fd)
{
	char block[SMALL_QUEUE] = {0};

	while (write(fd, block, sizeof block) > 0)
		;
	return errno == EAGAIN ? 0 : -errno;
}

int deafen(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

int arm_reset(int fd)
{
	struct linger none = {.l_onoff = 1, .l_linger = 0};

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) < 0 ? -errno : 0;
}

int set_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}
