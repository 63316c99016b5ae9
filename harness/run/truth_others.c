/* SPDX-License-Identifier: MIT */
/* States of UNIX and UDP sockets, pipes, and the descriptors that are no streams. */
#include "run/truth_state.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

static int look_at(struct stand *stand, int fd)
{
	stand->fd = fd;
	return fd < 0 ? fd : 0;
}

static int unix_idle(struct stand *stand)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	return r < 0 ? r : look_at(stand, pair[0]);
}

/* The peer sends so many bytes, is sent so many, and closes or not. */
static int unix_after(struct stand *stand, size_t by_peer, size_t to_peer, bool closes)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	if (r == 0 && by_peer)
		r = send_bytes(pair[1], by_peer);
	if (r == 0 && to_peer)
		r = send_bytes(pair[0], to_peer);
	if (r < 0)
		return r;
	if (closes)
		stand_close(stand, pair[1]);
	return look_at(stand, pair[0]);
}

static int unix_data(struct stand *stand)
{
	return unix_after(stand, 3, 0, false);
}

static int unix_closed(struct stand *stand)
{
	return unix_after(stand, 0, 0, true);
}

static int unix_data_closed(struct stand *stand)
{
	return unix_after(stand, 3, 0, true);
}

static int unix_closed_unread(struct stand *stand)
{
	return unix_after(stand, 0, 3, true);
}

static int unix_half_close(struct stand *stand)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	if (r < 0 || shutdown(pair[1], SHUT_WR) < 0)
		return r < 0 ? r : -errno;
	return look_at(stand, pair[0]);
}

static int unix_shut_both(struct stand *stand)
{
	int r = unix_idle(stand);

	return r == 0 && shutdown(stand->fd, SHUT_RDWR) < 0 ? -errno : r;
}

static int unix_stalled(struct stand *stand)
{
	int r = unix_idle(stand);

	return r < 0 ? r : fill(stand->fd);
}

static int unix_unconnected(struct stand *stand)
{
	return look_at(stand, stand_hold(stand, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

/* An address of two bytes only: the kernel picks a name that is no file. */
static int unix_listener(struct stand *stand)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r = unix_unconnected(stand);

	if (r == 0 && (bind(stand->fd, (struct sockaddr *)&address, sizeof address.sun_family) < 0 ||
		       listen(stand->fd, 4) < 0))
		r = -errno;
	return r;
}

static int unix_listener_queue(struct stand *stand)
{
	struct sockaddr_un address;
	socklen_t size = sizeof address;
	int r = unix_listener(stand), peer;

	if (r < 0)
		return r;
	peer = stand_hold(stand, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (peer < 0)
		return peer;
	if (getsockname(stand->fd, (struct sockaddr *)&address, &size) < 0 ||
	    connect(peer, (struct sockaddr *)&address, size) < 0)
		return -errno;
	return 0;
}

static int udp_idle(struct stand *stand)
{
	int pair[2], r = stand_udp_pair(stand, pair);

	return r < 0 ? r : look_at(stand, pair[1]);
}

static int udp_data(struct stand *stand)
{
	int pair[2], r = stand_udp_pair(stand, pair);

	if (r == 0)
		r = send_bytes(pair[0], 3);
	if (r == 0)
		r = until_queued(pair[1], 3);
	return r < 0 ? r : look_at(stand, pair[1]);
}

/* The port stays taken; but a socket that is connected to itself hears no other. */
static int udp_unreachable(struct stand *stand)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	int pair[2], r = stand_udp_pair(stand, pair);

	if (r < 0)
		return r;
	if (getsockname(pair[1], (struct sockaddr *)&address, &size) < 0 ||
	    connect(pair[1], (struct sockaddr *)&address, size) < 0)
		return -errno;
	r = send_bytes(pair[0], 3);
	if (r == 0)
		r = until_polled(pair[0], 0);
	return r < 0 ? r : look_at(stand, pair[0]);
}

static int pipe_after(struct stand *stand, int end, size_t written, bool other_closes)
{
	int ends[2], r = stand_pipe(stand, ends);

	if (r == 0 && written)
		r = send_bytes(ends[1], written);
	if (r < 0)
		return r;
	if (other_closes)
		stand_close(stand, ends[!end]);
	return look_at(stand, ends[end]);
}

static int pipe_empty(struct stand *stand)
{
	return pipe_after(stand, 0, 0, false);
}

static int pipe_data(struct stand *stand)
{
	return pipe_after(stand, 0, 3, false);
}

static int pipe_writer_closed(struct stand *stand)
{
	return pipe_after(stand, 0, 0, true);
}

static int pipe_data_writer_closed(struct stand *stand)
{
	return pipe_after(stand, 0, 3, true);
}

static int pipe_room(struct stand *stand)
{
	return pipe_after(stand, 1, 0, false);
}

static int pipe_reader_closed(struct stand *stand)
{
	return pipe_after(stand, 1, 0, true);
}

static int pipe_full_then(struct stand *stand, bool reader_closes)
{
	int ends[2], r = stand_pipe(stand, ends);

	if (r == 0)
		r = fill(ends[1]);
	if (r < 0)
		return r;
	if (reader_closes)
		stand_close(stand, ends[0]);
	return look_at(stand, ends[1]);
}

static int pipe_full(struct stand *stand)
{
	return pipe_full_then(stand, false);
}

static int pipe_full_reader_closed(struct stand *stand)
{
	return pipe_full_then(stand, true);
}

static int counter(struct stand *stand, uint64_t count)
{
	int r = look_at(stand, stand_hold(stand, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));

	if (r == 0 && count && write(stand->fd, &count, sizeof count) != (ssize_t)sizeof count)
		r = -errno;
	return r;
}

static int eventfd_zero(struct stand *stand)
{
	return counter(stand, 0);
}

static int eventfd_one(struct stand *stand)
{
	return counter(stand, 1);
}

static int eventfd_full(struct stand *stand)
{
	return counter(stand, UINT64_MAX - 1);
}

static int timer(struct stand *stand, struct timespec in)
{
	const struct itimerspec when = {.it_value = in};
	int r =
	    look_at(stand, stand_hold(stand, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)));

	return r == 0 && timerfd_settime(stand->fd, 0, &when, NULL) < 0 ? -errno : r;
}

static int timerfd_armed(struct stand *stand)
{
	return timer(stand, (struct timespec){.tv_sec = 3600});
}

static int timerfd_expired(struct stand *stand)
{
	int r = timer(stand, (struct timespec){.tv_nsec = 1});

	return r < 0 ? r : until_polled(stand->fd, POLLIN);
}

static int signalfd_idle(struct stand *stand)
{
	sigset_t none;

	(void)sigemptyset(&none);
	return look_at(stand, stand_hold(stand, signalfd(-1, &none, SFD_CLOEXEC | SFD_NONBLOCK)));
}

static int pidfd_alive(struct stand *stand)
{
	int r = stand_child(stand, -1);

	if (r < 0)
		return r;
	return look_at(stand, stand_hold(stand, (int)syscall(SYS_pidfd_open, stand->child, 0)));
}

static int pidfd_dead(struct stand *stand)
{
	int r = pidfd_alive(stand);

	return r < 0 ? r : stand_child_end(stand, false);
}

static int pidfd_reaped(struct stand *stand)
{
	int r = pidfd_alive(stand);

	return r < 0 ? r : stand_child_end(stand, true);
}

static int nested(struct stand *stand, uint64_t count)
{
	struct epoll_event event = {.events = EPOLLIN};
	int r = counter(stand, count), inside = stand->fd;

	if (r == 0)
		r = look_at(stand, stand_epoll(stand));
	if (r == 0 && epoll_ctl(stand->fd, EPOLL_CTL_ADD, inside, &event) < 0)
		r = -errno;
	return r;
}

static int nested_quiet(struct stand *stand)
{
	return nested(stand, 0);
}

static int nested_ready(struct stand *stand)
{
	return nested(stand, 1);
}

const struct truth_state truth_states_others[] = {
    {"unix-idle", unix_idle, NULL},
    {"unix-data", unix_data, NULL},
    {"unix-closed", unix_closed, NULL},
    {"unix-data-closed", unix_data_closed, NULL},
    {"unix-closed-unread", unix_closed_unread, NULL},
    {"unix-half-close", unix_half_close, NULL},
    {"unix-shut-both", unix_shut_both, NULL},
    {"unix-stalled", unix_stalled, NULL},
    {"unix-unconnected", unix_unconnected, NULL},
    {"unix-listener", unix_listener, NULL},
    {"unix-listener-queue", unix_listener_queue, NULL},
    {"udp-idle", udp_idle, NULL},
    {"udp-data", udp_data, NULL},
    {"udp-unreachable", udp_unreachable, NULL},
    {"pipe-empty", pipe_empty, NULL},
    {"pipe-data", pipe_data, NULL},
    {"pipe-writer-closed", pipe_writer_closed, NULL},
    {"pipe-data-writer-closed", pipe_data_writer_closed, NULL},
    {"pipe-room", pipe_room, NULL},
    {"pipe-full", pipe_full, NULL},
    {"pipe-reader-closed", pipe_reader_closed, NULL},
    {"pipe-full-reader-closed", pipe_full_reader_closed, NULL},
    {"eventfd-zero", eventfd_zero, NULL},
    {"eventfd-one", eventfd_one, NULL},
    {"eventfd-full", eventfd_full, NULL},
    {"timerfd-armed", timerfd_armed, NULL},
    {"timerfd-expired", timerfd_expired, NULL},
    {"signalfd-idle", signalfd_idle, NULL},
    {"pidfd-alive", pidfd_alive, NULL},
    {"pidfd-dead", pidfd_dead, NULL},
    {"pidfd-reaped", pidfd_reaped, NULL},
    {"nested-quiet", nested_quiet, NULL},
    {"nested-ready", nested_ready, NULL},
    {NULL, NULL, NULL},
};
