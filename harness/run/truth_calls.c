/* SPDX-License-Identifier: MIT */
/* Sequences about the calls themselves: what they refuse, signals, what is shared; and about descriptors that
 * keep messages apart. */
#include "run/truth_play.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void ctl_arguments(struct play_state *play)
{
	int epoll = play_epoll(play), fd = play_counter(play, 1);

	if (play->rc < 0)
		return;
	told_call(play, "unknown operation", play_ctl(epoll, 9, fd, EPOLLIN));
	told_call(play, "ADD of no event", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, NULL));
	told_call(play, "ADD of interest 0", play_ctl(epoll, EPOLL_CTL_ADD, fd, 0));
	told_call(play, "MOD of no event", epoll_ctl(epoll, EPOLL_CTL_MOD, fd, NULL));
	told_call(play, "DEL of no event", epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
	told_call(play, "create for 0", epoll_create(0));
	told_call(play, "create1 with unknown flags", epoll_create1(1));
}

static void wait_arguments(struct play_state *play)
{
	struct epoll_event event;
	int epoll = play_epoll(play), fd = play_counter(play, 0);

	play_add(play, epoll, fd, EPOLLIN);
	if (play->rc < 0)
		return;
	told_call(play, "0 events", epoll_wait(epoll, &event, 0, 0));
	/* as bare system calls: a compiler knows how large an array is */
	told_call(play, "-1", syscall(SYS_epoll_pwait, epoll, &event, -1, 0, NULL, 8));
	told_call(play, "more than an int has bytes for",
		  syscall(SYS_epoll_pwait, epoll, &event, INT_MAX / (int)sizeof event + 1, 0, NULL, 8));
	told_call(play, "a closed number", epoll_wait(-1, &event, 1, 0));
	told_call(play, "no epoll", epoll_wait(fd, &event, 1, 0));
}

/* What io_uring left for this thread to do may interrupt a wait as a signal does: then it is made again. */
static long wait_two(int epoll, const struct timespec *patience)
{
	struct epoll_event event;
	long r;

	do
		r = syscall(SYS_epoll_pwait2, epoll, &event, 1, patience, NULL, 0);
	while (r < 0 && errno == EINTR);
	return r;
}

static void pwait2(struct play_state *play)
{
	static const struct timespec none = {0, 0}, short_time = {0, 1}, wrong = {0, 1000000000},
				     past = {-1, 0};
	int epoll = play_epoll(play), fd = play_counter(play, 0);

	play_add(play, epoll, fd, EPOLLIN);
	if (play->rc < 0 || !must(play, wait_two(epoll, &none) < 0 ? -errno : 0))
		return;
	told_call(play, "1 ns", wait_two(epoll, &short_time));
	told_call(play, "a second's worth of ns", wait_two(epoll, &wrong));
	told_call(play, "a time before 0", wait_two(epoll, &past));
	must(play, send_bytes(fd, 8));
	told_call(play, "ready, for ever", wait_two(epoll, NULL));
	told_call(play, "again", wait_two(epoll, NULL));
}

static void nothing(int number)
{
	(void)number;
}

/* A signal every millisecond until it is taken back: one of them comes while somebody waits. */
static int start_signals(timer_t *ret_timer, struct sigaction *ret_before)
{
	struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
	const struct itimerspec each = {{0, 1000000}, {0, 1000000}};

	event._sigev_un._tid = gettid();
	if (sigaction(SIGURG, &action, ret_before) < 0)
		return -errno;
	if (timer_create(CLOCK_MONOTONIC, &event, ret_timer) < 0)
		return -errno;
	return timer_settime(*ret_timer, 0, &each, NULL) < 0 ? -errno : 0;
}

static void interrupted(struct play_state *play)
{
	enum { PATIENCE_MS = 3000 };
	struct epoll_event event;
	struct sigaction before;
	timer_t timer;
	int epoll = play_epoll(play), fd = play_counter(play, 0);
	struct pollfd entry = {.fd = fd, .events = POLLIN};

	play_add(play, epoll, fd, EPOLLIN);
	if (play->rc < 0 || !must(play, start_signals(&timer, &before)))
		return;
	told_call(play, "epoll_wait", epoll_wait(epoll, &event, 1, PATIENCE_MS));
	told_call(play, "poll", poll(&entry, 1, PATIENCE_MS));
	(void)timer_delete(timer);
	(void)sigaction(SIGURG, &before, NULL);
}

static const char *where_is(int number)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, number) ? "pending" : "taken";
}

/* A signal that is blocked and pending, and let through while the wait lasts. */
static void pwait_mask(struct play_state *play)
{
	struct sigaction action = {.sa_handler = nothing}, before;
	struct epoll_event event;
	sigset_t one, old, none;
	int epoll = play_epoll(play), fd = play_counter(play, 0);

	play_add(play, epoll, fd, EPOLLIN);
	(void)sigemptyset(&none);
	(void)sigemptyset(&one);
	(void)sigaddset(&one, SIGURG);
	if (play->rc < 0 || !must(play, sigaction(SIGURG, &action, &before) < 0 ? -errno : 0))
		return;
	(void)sigprocmask(SIG_BLOCK, &one, &old);
	(void)raise(SIGURG);
	(void)epoll_pwait(epoll, &event, 1, 1, NULL);
	told(play, "blocked", "%s", where_is(SIGURG));
	told_call(play, "let through", epoll_pwait(epoll, &event, 1, 1000, &none));
	told(play, "then", "%s", where_is(SIGURG));
	(void)raise(SIGURG);
	must(play, send_bytes(fd, 8));
	told_call(play, "with an event", epoll_pwait(epoll, &event, 1, 1000, &none));
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)sigaction(SIGURG, &before, NULL);
}

static void dup_over(struct play_state *play)
{
	int epoll = play_epoll(play), fd = play_counter(play, 1), other = play_counter(play, 1);

	play_add(play, epoll, fd, EPOLLIN);
	told_wait(play, "", epoll);
	if (play->rc < 0 || !must(play, dup2(other, fd) < 0 ? -errno : 0))
		return;
	told_wait(play, "dup2", epoll);
	told_call(play, "MOD", play_ctl(epoll, EPOLL_CTL_MOD, fd, EPOLLIN));
	told_call(play, "ADD", play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	told_wait(play, "events", epoll);
}

static void child_adds(struct play_state *play)
{
	int epoll = play_epoll(play), fd = play_counter(play, 1), status = -1;
	pid_t child = play->rc < 0 ? -1 : fork();

	if (child == 0)
		_exit(play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN) < 0);
	if (play->rc < 0 || !must(play, child < 0 ? -errno : 0))
		return;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	told(play, "child adds", "%s", status == 0 ? "0" : "failed");
	told_wait(play, "parent waits", epoll);
	told_call(play, "parent adds", play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
}

static void edge_and_oneshot(struct play_state *play)
{
	const uint32_t interest = EPOLLIN | EPOLLET | EPOLLONESHOT;
	int epoll = play_epoll(play), pair[2];

	play_unix_pair(play, pair);
	play_add(play, epoll, pair[0], interest);
	play_send(play, pair[1], pair[0], 3);
	told_wait(play, "", epoll);
	play_send(play, pair[1], pair[0], 6);
	told_wait(play, "3 more bytes", epoll);
	if (play->rc < 0)
		return;
	told_call(play, "MOD", play_ctl(epoll, EPOLL_CTL_MOD, pair[0], interest));
	told_wait(play, "events", epoll);
	told_wait(play, "again", epoll);
}

static void wakeup_is_silent(struct play_state *play)
{
	int epoll = play_epoll(play), fd = play_counter(play, 1);

	if (play->rc < 0)
		return;
	told_call(play, "ADD", play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLWAKEUP));
	told_wait(play, "events", epoll);
}

static void low_water(struct play_state *play)
{
	static const int four = 4;
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	if (play->rc < 0 ||
	    !must(play, setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &four, sizeof four) < 0 ? -errno : 0))
		return;
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLET);
	play_send(play, pair[1], pair[0], 3);
	told_wait(play, "3 bytes", epoll);
	play_send(play, pair[1], pair[0], 6);
	told_wait(play, "6 bytes", epoll);
	told_read(play, "read", pair[0], 3);
	play_fin(play, pair);
	told_wait(play, "FIN", epoll);
}

/* Two ends that keep messages apart, in the play's stand. */
static void message_pair(struct play_state *play, int type, int ret_pair[2])
{
	int made[2] = {-1, -1};

	if (play->rc < 0 ||
	    !must(play, socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made) < 0 ? -errno : 0))
		return;
	for (int i = 0; i < 2; i++) {
		ret_pair[i] = stand_hold(&play->stand, made[i]);
		must(play, ret_pair[i]);
	}
}

static void seqpacket_reads(struct play_state *play)
{
	int pair[2] = {-1, -1};

	message_pair(play, SOCK_SEQPACKET, pair);
	for (int i = 0; i < 2 && play->rc == 0; i++)
		must(play, send_bytes(pair[1], 3));
	told_read(play, "read 2 of 3", pair[0], 2);
	told_read(play, "read", pair[0], 16);
	told_read(play, "read", pair[0], 16);
	if (play->rc == 0)
		stand_close(&play->stand, pair[1]);
	told_read(play, "peer closes, read", pair[0], 16);
}

static void datagram_peer_gone(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2] = {-1, -1};

	message_pair(play, SOCK_DGRAM, pair);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	if (play->rc < 0)
		return;
	stand_close(&play->stand, pair[1]);
	told_wait(play, "peer closes", epoll);
	told_call(play, "send", send(pair[0], "abc", 3, MSG_NOSIGNAL));
	told_call(play, "send", send(pair[0], "abc", 3, MSG_NOSIGNAL));
	told_wait(play, "then", epoll);
}

static void datagram_edges(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2] = {-1, -1};

	message_pair(play, SOCK_DGRAM, pair);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLET);
	for (int i = 0; i < 2 && play->rc == 0; i++)
		must(play, send_bytes(pair[1], 3));
	told_wait(play, "2 datagrams", epoll);
	told_read(play, "read", pair[0], 16);
	told_wait(play, "1 is left", epoll);
	if (play->rc == 0)
		must(play, send_bytes(pair[1], 3));
	told_wait(play, "1 more", epoll);
}

static void pipe_packets(struct play_state *play)
{
	int made[2], ends[2] = {-1, -1};

	if (play->rc < 0 || !must(play, pipe2(made, O_DIRECT | O_NONBLOCK | O_CLOEXEC) < 0 ? -errno : 0))
		return;
	for (int i = 0; i < 2; i++) {
		ends[i] = stand_hold(&play->stand, made[i]);
		must(play, ends[i]);
	}
	for (int i = 0; i < 2 && play->rc == 0; i++)
		must(play, send_bytes(ends[1], 3));
	told_read(play, "read 2 of 3", ends[0], 2);
	told_read(play, "read", ends[0], 16);
	told_read(play, "read", ends[0], 16);
}

/* A pipe can be opened again by the number of one of its ends. */
static void writer_again(struct play_state *play)
{
	char path[32];
	int epoll = play_epoll(play), ends[2] = {-1, -1}, again;

	if (play->rc < 0 || !must(play, stand_pipe(&play->stand, ends)))
		return;
	play_add(play, epoll, ends[0], EPOLLIN);
	stand_close(&play->stand, ends[1]);
	told_wait(play, "writer closes", epoll);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	again = stand_hold(&play->stand, open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	if (!must(play, again))
		return;
	told_wait(play, "another opens", epoll);
	must(play, send_bytes(again, 3));
	told_wait(play, "writes", epoll);
	stand_close(&play->stand, again);
	told_wait(play, "closes", epoll);
	told_read(play, "read", ends[0], 16);
	told_wait(play, "then", epoll);
}

const struct truth_story truth_calls[] = {
    {"ctl-arguments", ctl_arguments},
    {"wait-arguments", wait_arguments},
    {"pwait2", pwait2},
    {"interrupted", interrupted},
    {"pwait-mask", pwait_mask},
    {"dup-over", dup_over},
    {"child-adds", child_adds},
    {"edge-and-oneshot", edge_and_oneshot},
    {"wakeup-is-silent", wakeup_is_silent},
    {"low-water", low_water},
    {"seqpacket-reads", seqpacket_reads},
    {"datagram-peer-gone", datagram_peer_gone},
    {"datagram-edges", datagram_edges},
    {"pipe-packets", pipe_packets},
    {"writer-again", writer_again},
    {NULL, NULL},
};
