/* SPDX-License-Identifier: MIT */
/* States of pipes, and of the descriptors that are no streams. */
#include "run/truth_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "run/truth_ring.h"

static int look_at(struct stand *stand, int fd)
{
	stand->fd = fd;
	return fd < 0 ? fd : 0;
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

/* A FIFO without a name, and a reader of it. */
static int fifo_reader(struct stand *stand)
{
	char path[64] = "/tmp/wringer-fifo-XXXXXX";
	char name[80];
	int r = 0;

	if (!mkdtemp(path))
		return -errno;
	(void)snprintf(name, sizeof name, "%s/fifo", path);
	if (mkfifo(name, 0600) < 0)
		r = -errno;
	if (r == 0)
		r = look_at(stand, stand_hold(stand, open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC)));
	(void)unlink(name);
	(void)rmdir(path);
	return r;
}

static int fifo_with_writer(struct stand *stand, bool writer_closes)
{
	char path[32];
	int r = fifo_reader(stand), writer;

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", stand->fd);
	writer = stand_hold(stand, open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	if (writer < 0)
		return writer;
	if (writer_closes)
		stand_close(stand, writer);
	return 0;
}

static int fifo_writer(struct stand *stand)
{
	return fifo_with_writer(stand, false);
}

static int fifo_writer_closed(struct stand *stand)
{
	return fifo_with_writer(stand, true);
}

static int terminal(struct stand *stand, int *ret_master, int *ret_slave)
{
	int master = stand_hold(stand, posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));

	if (master < 0 || unlockpt(master) < 0)
		return master < 0 ? master : -errno;
	*ret_master = master;
	*ret_slave =
	    stand_hold(stand, ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
	return *ret_slave < 0 ? *ret_slave : 0;
}

static int terminal_idle(struct stand *stand)
{
	int master, slave, r = terminal(stand, &master, &slave);

	return r < 0 ? r : look_at(stand, master);
}

static int terminal_data(struct stand *stand)
{
	int master, slave, r = terminal(stand, &master, &slave);

	if (r == 0)
		r = send_bytes(slave, 3);
	if (r == 0) /* by way of a work queue */
		r = until_polled(master, POLLIN);
	return r < 0 ? r : look_at(stand, master);
}

static int terminal_hung_up(struct stand *stand, bool is_master)
{
	int master, slave, r = terminal(stand, &master, &slave);

	if (r < 0)
		return r;
	stand_close(stand, is_master ? slave : master);
	return look_at(stand, is_master ? master : slave);
}

static int terminal_slave_closed(struct stand *stand)
{
	return terminal_hung_up(stand, true);
}

static int terminal_master_closed(struct stand *stand)
{
	return terminal_hung_up(stand, false);
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

static int timerfd_read(struct stand *stand)
{
	uint64_t times;
	int r = timerfd_expired(stand);

	return r == 0 && read(stand->fd, &times, sizeof times) < 0 ? -errno : r;
}

static int signalfd_idle(struct stand *stand)
{
	sigset_t none;

	(void)sigemptyset(&none);
	return look_at(stand, stand_hold(stand, signalfd(-1, &none, SFD_CLOEXEC | SFD_NONBLOCK)));
}

static int signalfd_pending(struct stand *stand)
{
	sigset_t one;
	int r = stand_raise(stand, SIGURG); /* which nobody minds */

	(void)sigemptyset(&one);
	(void)sigaddset(&one, SIGURG);
	return r < 0 ? r : look_at(stand, stand_hold(stand, signalfd(-1, &one, SFD_CLOEXEC | SFD_NONBLOCK)));
}

static int inotify_idle(struct stand *stand)
{
	return look_at(stand, stand_hold(stand, inotify_init1(IN_CLOEXEC | IN_NONBLOCK)));
}

static int inotify_event(struct stand *stand)
{
	int r = inotify_idle(stand), fd;

	if (r < 0 || inotify_add_watch(stand->fd, "/proc/self/exe", IN_OPEN) < 0)
		return r < 0 ? r : -errno;
	fd = stand_hold(stand, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	return fd < 0 ? fd : 0;
}

static int ring(struct stand *stand, bool completes)
{
	struct truth_ring ring;
	int r = truth_ring_open(&ring);

	if (r == 0 && completes) /* of no descriptor: fails at once */
		r = truth_ring_poll(&ring, -1, EPOLLIN);
	if (r == 0)
		r = look_at(stand, stand_hold(stand, fcntl(ring.fd, F_DUPFD_CLOEXEC, 0)));
	truth_ring_close(&ring);
	return r;
}

static int ring_empty(struct stand *stand)
{
	return ring(stand, false);
}

static int ring_completed(struct stand *stand)
{
	return ring(stand, true);
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
    {"pipe-empty", pipe_empty, NULL},
    {"pipe-data", pipe_data, NULL},
    {"pipe-writer-closed", pipe_writer_closed, NULL},
    {"pipe-data-writer-closed", pipe_data_writer_closed, NULL},
    {"pipe-room", pipe_room, NULL},
    {"pipe-full", pipe_full, NULL},
    {"pipe-reader-closed", pipe_reader_closed, NULL},
    {"pipe-full-reader-closed", pipe_full_reader_closed, NULL},
    {"fifo-no-writer-yet", fifo_reader, NULL},
    {"fifo-writer", fifo_writer, NULL},
    {"fifo-writer-closed", fifo_writer_closed, NULL},
    {"terminal-idle", terminal_idle, NULL},
    {"terminal-data", terminal_data, NULL},
    {"terminal-slave-closed", terminal_slave_closed, NULL},
    {"terminal-master-closed", terminal_master_closed, NULL},
    {"eventfd-zero", eventfd_zero, NULL},
    {"eventfd-one", eventfd_one, NULL},
    {"eventfd-full", eventfd_full, NULL},
    {"timerfd-armed", timerfd_armed, NULL},
    {"timerfd-expired", timerfd_expired, NULL},
    {"timerfd-read", timerfd_read, NULL},
    {"signalfd-idle", signalfd_idle, NULL},
    {"signalfd-pending", signalfd_pending, NULL},
    {"inotify-idle", inotify_idle, NULL},
    {"inotify-event", inotify_event, NULL},
    {"ring-empty", ring_empty, NULL},
    {"ring-completed", ring_completed, NULL},
    {"pidfd-alive", pidfd_alive, NULL},
    {"pidfd-dead", pidfd_dead, NULL},
    {"pidfd-reaped", pidfd_reaped, NULL},
    {"nested-quiet", nested_quiet, NULL},
    {"nested-ready", nested_ready, NULL},
    {NULL, NULL, NULL},
};
