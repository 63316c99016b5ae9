/* SPDX-License-Identifier: MIT */
#include "watch/row.h"

#include <string.h>

#define _    ARG_NONE
#define W(n) ARG_WIDE(n)

/* PLAIN(name, fd, arg[0], arg[1], arg[2], exit decoder) */
#define ROW(name, kind, fd, a, b, c, enter, leave)                                                           \
	{                                                                                                    \
		CALL_##name, __NR_##name, kind, fd, {a, b, c}, enter, leave                                  \
	}
#define PLAIN(name, fd, a, b, c, leave) ROW(name, ROW_PLAIN, fd, a, b, c, NULL, leave)
#define WAIT(name, fd, a, enter, leave) ROW(name, ROW_WAIT, fd, a, _, _, enter, leave)
#define SLEEP(name, enter)		ROW(name, ROW_PLAIN, _, _, _, _, enter, decode_sleep)
#define OURS(number, kind)                                                                                   \
	{                                                                                                    \
		CALL_unknown, number, kind, _, {_, _, _}, NULL, NULL                                         \
	}

static const struct row rows[] = {
    PLAIN(socket, _, 0, 1, 2, NULL),
    PLAIN(socketpair, _, 1, 0, _, decode_pair_fourth),
    PLAIN(pipe, _, _, _, _, decode_pair_first),
    PLAIN(pipe2, _, 1, _, _, decode_pair_first),
    PLAIN(eventfd, _, _, _, _, NULL),
    PLAIN(eventfd2, _, 1, _, _, NULL),
    PLAIN(timerfd_create, _, 1, _, _, NULL),
    PLAIN(signalfd, 0, _, _, _, NULL),
    PLAIN(signalfd4, 0, 3, _, _, NULL),
    PLAIN(epoll_create, _, _, _, _, NULL),
    PLAIN(epoll_create1, _, 0, _, _, NULL),
    PLAIN(open, _, 1, _, _, NULL),
    PLAIN(openat, _, 2, _, _, NULL),
    PLAIN(inotify_init1, _, 0, _, _, NULL),
    PLAIN(memfd_create, _, _, _, _, decode_memfd),
    PLAIN(pidfd_open, _, _, _, _, decode_cloexec),
    PLAIN(pidfd_getfd, _, _, _, _, decode_cloexec),
    PLAIN(accept, 0, _, _, _, decode_accept),
    PLAIN(accept4, 0, 3, _, _, decode_accept),
    PLAIN(connect, 0, _, _, _, decode_address),
    PLAIN(bind, 0, _, _, _, decode_address),
    PLAIN(listen, 0, 1, _, _, decode_listen),
    PLAIN(read, 0, W(2), _, _, NULL),
    PLAIN(readv, 0, _, _, _, decode_iov),
    PLAIN(recvfrom, 0, W(2), 3, _, NULL),
    PLAIN(recvmsg, 0, _, 2, _, decode_msg),
    PLAIN(recvmmsg, 0, _, 3, _, decode_mmsg),
    PLAIN(write, 0, W(2), _, _, NULL),
    PLAIN(writev, 0, _, _, _, decode_iov),
    PLAIN(sendto, 0, W(2), 3, _, NULL),
    PLAIN(sendmsg, 0, _, 2, _, decode_msg),
    PLAIN(sendmmsg, 0, _, 3, _, decode_mmsg),
    PLAIN(sendfile, 0, W(3), _, 1, NULL),
    PLAIN(splice, 2, W(4), 5, 0, NULL),
    ROW(close, ROW_CLOSE, 0, _, _, _, NULL, decode_close),
    PLAIN(close_range, _, 0, 1, 2, NULL),
    PLAIN(dup, 0, _, _, _, NULL),
    PLAIN(dup2, 0, _, _, _, NULL),
    PLAIN(dup3, 0, 2, _, _, NULL),
    PLAIN(fcntl, 0, 1, W(2), _, NULL),
    PLAIN(ioctl, 0, 1, W(2), _, decode_ioctl),
    PLAIN(shutdown, 0, 1, _, _, NULL),
    PLAIN(setsockopt, 0, 1, 2, _, decode_setsockopt),
    PLAIN(getsockopt, 0, 1, 2, _, decode_getsockopt),
    PLAIN(epoll_ctl, 2, 0, 1, _, decode_ctl),
    WAIT(epoll_wait, 0, 2, decode_enter_ms3, decode_epoll),
    WAIT(epoll_pwait, 0, 2, decode_enter_ms3, decode_epoll),
    WAIT(epoll_pwait2, 0, 2, decode_enter_spec3, decode_epoll),
    WAIT(poll, _, 1, decode_enter_ms2, decode_poll),
    WAIT(ppoll, _, 1, decode_enter_spec2, decode_poll),
    WAIT(select, _, 0, decode_enter_select, decode_select),
    WAIT(pselect6, _, 0, decode_enter_pselect, decode_select),
    PLAIN(io_uring_setup, _, 0, _, _, NULL),
    ROW(io_uring_enter, ROW_RING, 0, 1, 2, 3, decode_enter_ring, NULL),
    PLAIN(io_uring_register, 0, 1, _, _, decode_register),
    SLEEP(nanosleep, decode_enter_spec0),
    SLEEP(clock_nanosleep, decode_enter_clock),
    PLAIN(prlimit64, _, 1, _, _, decode_prlimit),
    PLAIN(setrlimit, _, 0, _, _, decode_setrlimit),
    PLAIN(alarm, _, 0, _, _, NULL),
    PLAIN(setitimer, _, 0, _, _, NULL),
    PLAIN(timer_settime, _, _, _, _, NULL),
    OURS(__NR_restart_syscall, ROW_RESTART),
    OURS(__NR_rt_sigaction, ROW_SIGACTION),
    OURS(__NR_prctl, ROW_SECCOMP),
    OURS(__NR_seccomp, ROW_SECCOMP),
};

#define ROWS (sizeof rows / sizeof *rows)

const struct row row_unknown = OURS(NUMBER_NONE, ROW_UNKNOWN);

void row_index_build(struct row_index *index)
{
	memset(index, 0, sizeof *index);
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].number >= 0 && rows[i].number < NUMBER_END)
			index->row[rows[i].number] = &rows[i];
}

const struct row *row_of(enum call call)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].call == call && call != CALL_unknown)
			return rows[i].number >= 0 ? &rows[i] : NULL;
	return NULL;
}

void row_fill(const struct call_state *state, struct event *event)
{
	const struct row *row = state->row;

	if (row->fd != ARG_NONE)
		event->fd = (int32_t)state->arg[row->fd];
	for (size_t i = 0; i < 3; i++) {
		uint8_t from = row->copy[i];

		if (from == ARG_NONE)
			continue;
		/* The upper half of an int's register may hold anything. */
		event->arg[i] = from & ARG_WIDE(0) ? state->arg[from & 0xfu] : (uint32_t)state->arg[from];
	}
	if (row->kind == ROW_WAIT)
		event->arg[1] = state->timeout;
	if (row->kind == ROW_UNKNOWN)
		event->arg[0] = state->number;
}
