/* SPDX-License-Identifier: MIT */
#include "target/probe_thread.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/clock.h"
#include "target/target_impl.h"

/* The calls a thread of a server may be found in, by this machine's numbers. */
static const struct {
	long number;
	enum call call;
} sleepy_calls[] = {
#ifdef SYS_accept
    {SYS_accept, CALL_accept},
#endif
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, CALL_epoll_wait},
#endif
#ifdef SYS_poll
    {SYS_poll, CALL_poll},
#endif
#ifdef SYS_select
    {SYS_select, CALL_select},
#endif
#ifdef SYS_epoll_pwait2
    {SYS_epoll_pwait2, CALL_epoll_pwait2},
#endif
#ifdef SYS_clock_nanosleep
    {SYS_clock_nanosleep, CALL_clock_nanosleep},
#endif
    {SYS_accept4, CALL_accept4},
    {SYS_connect, CALL_connect},
    {SYS_epoll_pwait, CALL_epoll_pwait},
    {SYS_ppoll, CALL_ppoll},
    {SYS_pselect6, CALL_pselect6},
    {SYS_read, CALL_read},
    {SYS_readv, CALL_readv},
    {SYS_recvfrom, CALL_recvfrom},
    {SYS_recvmsg, CALL_recvmsg},
    {SYS_recvmmsg, CALL_recvmmsg},
    {SYS_write, CALL_write},
    {SYS_writev, CALL_writev},
    {SYS_sendto, CALL_sendto},
    {SYS_sendmsg, CALL_sendmsg},
    {SYS_sendmmsg, CALL_sendmmsg},
    {SYS_sendfile, CALL_sendfile},
    {SYS_splice, CALL_splice},
    {SYS_close, CALL_close},
    {SYS_nanosleep, CALL_nanosleep},
    {SYS_io_uring_enter, CALL_io_uring_enter},
};

/* Others that block, which the watcher does not stop at. */
static const struct {
	long number;
	const char *name;
} other_calls[] = {
    {SYS_futex, "futex"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_flock, "flock"},
    {SYS_rt_sigtimedwait, "sigtimedwait"},
    {SYS_rt_sigsuspend, "sigsuspend"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_msgrcv, "msgrcv"},
#ifdef SYS_pause
    {SYS_pause, "pause"},
#endif
};

static enum call call_of(long number)
{
	for (size_t i = 0; i < sizeof(sleepy_calls) / sizeof(sleepy_calls[0]); i++) {
		if (sleepy_calls[i].number == number)
			return sleepy_calls[i].call;
	}
	return CALL_unknown;
}

static const char *other_name(long number)
{
	for (size_t i = 0; i < sizeof(other_calls) / sizeof(other_calls[0]); i++) {
		if (other_calls[i].number == number)
			return other_calls[i].name;
	}
	return NULL;
}

/* Whether a call's first argument is the fd it is about; splice's is the one it reads. */
static bool begins_with_fd(enum call call)
{
	switch (call_class(call)) {
	case CLASS_READ:
	case CLASS_WRITE:
	case CLASS_ACCEPT:
	case CLASS_CONNECT:
	case CLASS_CLOSE:
	case CLASS_RING:
		return true;
	case CLASS_WAIT:
		return call == CALL_epoll_wait || call == CALL_epoll_pwait || call == CALL_epoll_pwait2;
	default:
		return false;
	}
}

/* "7 0x9 0x7ffd…": the number of the call a thread sleeps in, then its arguments; "running" has none. */
static void thread_call(pid_t pid, pid_t tid, struct event *event)
{
	char path[64], text[256], *end;
	const char *name;
	long number;

	event->arg[1] = CALL_unknown;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	if (proc_read(path, text, sizeof(text)) <= 0)
		return;
	number = strtol(text, &end, 10);
	if (end == text || number < 0)
		return;
	event->arg[1] = call_of(number);
	if (begins_with_fd((enum call)event->arg[1]))
		event->fd = (int32_t)strtoul(end, NULL, 16);
	name = event->arg[1] == CALL_unknown ? other_name(number) : NULL;
	event->data = name;
	event->size = name ? (uint32_t)strlen(name) + 1 : 0;
}

/* stat: "pid (name) S ppid …"; the name may contain anything, so the last parenthesis counts. */
static int thread_stat(pid_t pid, pid_t tid, char *ret_state, uint64_t *ret_ticks)
{
	char path[64], text[1024], *at;
	unsigned long long user, kernel;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	rc = proc_read(path, text, sizeof(text));
	if (rc < 0)
		return rc;
	at = strrchr(text, ')');
	if (!at || sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", ret_state, &user,
			  &kernel) != 3)
		return -EBADMSG;
	*ret_ticks = user + kernel;
	return 0;
}

/* schedstat counts in ns; kernels without it leave the ticks. */
static uint64_t thread_cpu(pid_t pid, pid_t tid, uint64_t ticks)
{
	char path[64], text[128];
	unsigned long long ns;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	if (proc_read(path, text, sizeof(text)) > 0 && sscanf(text, "%llu", &ns) == 1)
		return (uint64_t)ns;
	return ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

int probe_thread(pid_t pid, pid_t tid, struct event *ret_event)
{
	struct event event = event_make(EV_PROBE, PROBE_THREAD);
	uint64_t ticks = 0;
	char state = '?';
	int rc = thread_stat(pid, tid, &state, &ticks);

	if (rc < 0)
		return rc;
	event.pid = pid;
	event.tid = tid;
	event.arg[0] = (unsigned char)state;
	thread_call(pid, tid, &event);
	event.arg[2] = thread_cpu(pid, tid, ticks);
	*ret_event = event;
	return 0;
}
