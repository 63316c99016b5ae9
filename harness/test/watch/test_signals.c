/* SPDX-License-Identifier: MIT */
/*
 * Signals reach the target as they would without us, job control included, and a call that a signal
 * interrupts is journalled as the target sees it: restarted (EVF_RESTART) or EINTR.
 *
 *     test: waits until the target sleeps in its call (EV_ENTER), then signals it, then lets the call end
 * through stdin
 */
#include "play.h"

#include <linux/futex.h>
#include <sys/epoll.h>
#include <sched.h>

static volatile sig_atomic_t handled;

static void on_signal(int signo)
{
	handled += signo;
}

static void handle(int signo, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	CHECK(sigaction(signo, &action, NULL) == 0);
}

/* Sleeps in poll until stdin says so; what poll returned is the result. */
static int sleep_in_poll(void)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	long ret = RAW(SYS_ppoll, &in, 1, NULL, NULL, 8);

	CHECK(write(PLAY_RESULT, &ret, sizeof ret) == sizeof ret);
	return handled;
}

static int part_poll(void)
{
	return sleep_in_poll();
}

static int part_poll_handler(void)
{
	handle(SIGUSR1, SA_RESTART);
	return sleep_in_poll();
}

static int part_epoll_handler(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);
	long ret;

	handle(SIGUSR1, SA_RESTART);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event) == 0);
	ret = RAW(SYS_epoll_pwait, epoll, &event, 1, -1, NULL, 8);
	CHECK(write(PLAY_RESULT, &ret, sizeof ret) == sizeof ret);
	return handled;
}

/* Sleeps in read; a look at stderr first lets the test know, as read has no EV_ENTER. */
static int sleep_in_read(int flags)
{
	struct pollfd none = {.fd = -1};
	char byte;
	long ret;

	handle(SIGUSR1, flags);
	(void)RAW(SYS_ppoll, &none, 1, &(struct timespec){0}, NULL, 8);
	ret = RAW(SYS_read, 0, &byte, 1);
	CHECK(write(PLAY_RESULT, &ret, sizeof ret) == sizeof ret);
	return handled;
}

static int part_read_restart(void)
{
	return sleep_in_read(SA_RESTART);
}

static int part_read_eintr(void)
{
	return sleep_in_read(0);
}

/* Sleeps, behind a call that is seen, in one that is not: until the test changes the word in the result. */
static int part_futex(void)
{
	const struct timespec long_enough = {.tv_sec = 3600};
	_Atomic uint32_t *word = mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED, PLAY_RESULT, 0);

	CHECK(word != MAP_FAILED);
	play_mark(1);
	while (*word == 0)
		(void)syscall(SYS_futex, word, FUTEX_WAIT, 0, &long_enough, NULL, 0);
	return 0;
}

/* The kernel names the call a process is blocked in; the bounded wait for it is a poll, not a pause. */
static void await_asleep(pid_t pid, long number)
{
	for (int i = 0; !play_stands_in(pid, number, 'S'); i++) {
		assert_true(i < 2000000);
		sched_yield();
	}
}

struct signal_row {
	const char *part;
	long number; /* the call it sleeps in */
	enum call call;
	int signals[3];	 /* sent one after the other, each once the last was journalled */
	int64_t rets[3]; /* journalled results of the call */
	uint16_t flags[3];
	int count;
	bool data;   /* stdin gets its byte after the signals */
	long result; /* what the target saw */
	int status;  /* its exit status: signals handled */
};

static const struct signal_row rows[] = {
    /* Stop and continue without a handler: poll goes on, through restart_syscall or by itself, and nothing
       shows. */
    {"poll", SYS_ppoll, CALL_ppoll, {SIGSTOP, SIGCONT}, {-EINTR, 1}, {EVF_RESTART, 0}, 2, true, 1, 0},
    /* Ignored by default: the kernel does not even wake the target. */
    {"poll", SYS_ppoll, CALL_ppoll, {0}, {1}, {0}, 1, true, 1, 0},
    /* poll is never restarted behind a handler, SA_RESTART or not. */
    {"poll-handler", SYS_ppoll, CALL_ppoll, {SIGUSR1}, {-EINTR}, {0}, 1, false, -EINTR, SIGUSR1},
    {"poll-handler", SYS_ppoll, CALL_ppoll, {SIGSTOP, SIGCONT}, {-EINTR, 1}, {EVF_RESTART, 0}, 2, true, 1, 0},
    /* epoll_wait gives EINTR to everybody. */
    {"epoll-handler", SYS_epoll_pwait, CALL_epoll_pwait, {SIGUSR1}, {-EINTR}, {0}, 1, false, -EINTR, SIGUSR1},
    {"epoll-handler",
     SYS_epoll_pwait,
     CALL_epoll_pwait,
     {SIGSTOP, SIGCONT},
     {-EINTR},
     {0},
     1,
     false,
     -EINTR,
     0},
    /* read: as the handler wishes. */
    {"read-restart", SYS_read, CALL_read, {SIGUSR1}, {-EINTR, 1}, {EVF_RESTART, 0}, 2, true, 1, SIGUSR1},
    {"read-eintr", SYS_read, CALL_read, {SIGUSR1}, {-EINTR}, {0}, 1, false, -EINTR, SIGUSR1},
};

static bool is_signal(const struct event *event, const void *arg)
{
	return event->kind == EV_PROC && event->what == PROC_SIGNAL && event->ret == *(const int *)arg;
}

static void send_signals(struct play *play, const struct signal_row *row)
{
	for (int i = 0; i < 3 && row->signals[i]; i++) {
		assert_int_equal(watcher_signal(play->watcher, row->signals[i], false), 0);
		if (play_drain(play, is_signal, &row->signals[i]) < 0)
			fail_msg("signal %d did not arrive", row->signals[i]);
		/* Job control's stop is over only when its SIGCONT came: until then the target must not run.
		 */
		for (int j = 0; row->signals[i] == SIGSTOP && play_state(play->pid) != 't'; j++)
			assert_true(j < 2000000);
	}
}

static void check_row(const struct play *play, const struct signal_row *row)
{
	long result = 0;
	int found = 0;

	assert_int_equal(pread(play->result, &result, sizeof result, 0), sizeof result);
	assert_int_equal(result, row->result);
	for (size_t i = 0; i < play->count; i++) {
		const struct event *event = &play->events[i];

		if (event->kind != EV_CALL || event->what != row->call ||
		    (row->call == CALL_read && event->fd != 0))
			continue;
		if (row->call == CALL_ppoll && event->arg[1] == 0)
			continue;
		assert_true(found < row->count);
		assert_int_equal(event->ret, row->rets[found]);
		assert_int_equal(event->flags, row->flags[found]);
		found++;
	}
	assert_int_equal(found, row->count);
}

static void test_interrupted_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct signal_row *row = &rows[i];
		struct play play;
		int ends[2];

		print_message("row %zu: %s\n", i, row->part);
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		play_init(&play, row->part);
		play.target.in = ends[0];
		play_start(&play);
		play_await(&play, EV_ENTER, row->call == CALL_epoll_pwait ? CALL_epoll_pwait : CALL_ppoll);
		await_asleep(play.pid, row->number);
		send_signals(&play, row);
		if (row->data)
			assert_int_equal(write(ends[1], "x", 1), 1);
		assert_int_equal(WEXITSTATUS(play_finish(&play)), row->status);
		check_row(&play, row);
		close(ends[0]);
		close(ends[1]);
		play_free(&play);
	}
}

/* Stopped and continued, a futex with a time-out goes on through restart_syscall. Nothing was seen of it, so
 * nothing is to be seen of that: above all not once more the call before. */
static void test_an_unseen_call_goes_on_unseen(void **state)
{
	static const struct signal_row row = {.signals = {SIGSTOP, SIGCONT}};
	_Atomic uint32_t *word;
	struct play play;

	(void)state;
	play_init(&play, "futex");
	assert_int_equal(ftruncate(play.result, sizeof *word), 0);
	word = mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED, play.result, 0);
	assert_true(word != MAP_FAILED);
	play_start(&play);
	await_asleep(play.pid, SYS_futex);
	send_signals(&play, &row);
	await_asleep(play.pid, SYS_restart_syscall);
	*word = 1;
	assert_true(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
	assert_int_equal(play_finish(&play), 0);
	(void)play_behind(&play, 1);
	assert_int_equal(play_count(&play, EV_CALL, CALL_fcntl), 1);
	assert_int_equal(play_count(&play, EV_CALL, CALL_unknown), 0);
	play_free(&play);
	munmap(word, sizeof *word);
}

/* SIGPIPE is ignored by the harness, never by the target. */
static int part_sigpipe(void)
{
	int ends[2];

	CHECK(pipe(ends) == 0);
	close(ends[0]);
	CHECK(write(ends[1], "x", 1) < 0);
	return 0;
}

static void test_dispositions_are_the_default(void **state)
{
	struct play play;
	int status;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	play_init(&play, "sigpipe");
	play_start(&play);
	status = play_finish(&play);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
	assert_int_equal(play_event(&play, 0, EV_PROC, PROC_SIGNAL)->ret, SIGPIPE);
	assert_int_equal(play_event(&play, 0, EV_PROC, PROC_EXIT)->ret, status);
	play_free(&play);
}

/* Who signals is journalled, and who was hit. */
static void test_signals_are_journalled(void **state)
{
	struct play play;
	const struct event *event;
	int status, ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	play_init(&play, "poll");
	play.target.in = ends[0];
	play_start(&play);
	assert_int_equal(watcher_status(play.watcher, &status), -ECHILD);
	assert_int_equal(watcher_signal(play.watcher, 4242, true), -EINVAL);
	assert_int_equal(watcher_signal(play.watcher, SIGTERM, true), 0);
	status = play_finish(&play);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	event = play_event(&play, 0, EV_FAULT, FAULT_SIGNAL);
	assert_int_equal(event->pid, play.pid);
	assert_int_equal(event->ret, SIGTERM);
	assert_int_equal(watcher_signal(play.watcher, SIGTERM, true), -ESRCH);
	assert_int_equal(watcher_signal(play.watcher, SIGTERM, false), -ESRCH);
	play_free(&play);
	close(ends[0]);
	close(ends[1]);
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
	    {"poll", part_poll},
	    {"poll-handler", part_poll_handler},
	    {"epoll-handler", part_epoll_handler},
	    {"read-restart", part_read_restart},
	    {"read-eintr", part_read_eintr},
	    {"futex", part_futex},
	    {"sigpipe", part_sigpipe},
	};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_interrupted_calls),
	    cmocka_unit_test(test_an_unseen_call_goes_on_unseen),
	    cmocka_unit_test(test_dispositions_are_the_default),
	    cmocka_unit_test(test_signals_are_journalled),
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
