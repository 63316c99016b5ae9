/* SPDX-License-Identifier: MIT */
/*
 * Faults as the target meets them. Each part makes some calls and writes down what they returned; the journal
 * must say the same, with the injected ones marked, and the kernel must not have seen those.
 */
#include "play.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define RESULTS 8

static long results[RESULTS];

/* Asleep until the test has armed its fault; the byte stays unread. */
static void await_go(void)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};

	CHECK(RAW(SYS_ppoll, &in, 1, NULL, NULL, 8) == 1);
}

static int finish(void)
{
	CHECK(pwrite(PLAY_RESULT, results, sizeof results, 0) ==
	      sizeof results); /* no call that a fault may hit */
	return 0;
}

static int listener(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 5) == 0);
	return fd;
}

static int part_accept(void)
{
	int fd = listener();

	await_go();
	play_mark(0);
	for (int i = 0; i < RESULTS; i++)
		results[i] = RAW(SYS_accept4, fd, NULL, NULL, 0);
	play_mark(1);
	return finish();
}

static int part_wait(void)
{
	struct epoll_event event = {.events = EPOLLOUT};
	int epoll = epoll_create1(0), pair[2];

	await_go();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event) == 0);
	play_mark(0);
	for (int i = 0; i < RESULTS; i++)
		results[i] = RAW(SYS_epoll_pwait, epoll, &event, 1, -1, NULL, 8);
	play_mark(1);
	return finish();
}

/* Each way to write, ten bytes in two parts where there are parts. Returns what the other end got. */
static int part_write(void)
{
	char text[16] = "0123456789", got[128];
	struct iovec iov[3] = {{text, 0}, {text, 6}, {text + 6, 4}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 3};
	int pair[2], file = memfd_create("file", 0);
	off_t at = 0;

	await_go();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(pwrite(file, text, 10, 0) == 10);
	play_mark(0);
	results[0] = RAW(SYS_write, pair[0], text, 10);
	results[1] = RAW(SYS_writev, pair[0], iov, 3);
	results[2] = RAW(SYS_sendto, pair[0], text, 10, MSG_NOSIGNAL, NULL, 0);
	results[3] = RAW(SYS_sendmsg, pair[0], &message, MSG_NOSIGNAL);
	results[4] = RAW(SYS_sendfile, pair[0], file, &at, 10);
	results[5] = RAW(SYS_writev, pair[0], iov + 1, 1);
	results[6] = RAW(SYS_write, pair[0], text, 4);
	play_mark(1);
	results[7] = read(pair[1], got, sizeof got);
	CHECK(iov[0].iov_len == 0 && iov[1].iov_len == 6 && iov[2].iov_len == 4);
	return finish();
}

/* What each read got must be the next of what was sent. */
static void check_next(const char *text, long size)
{
	static char next = 'A';

	for (long i = 0; i < size; i++)
		CHECK(text[i] == next++);
}

static int part_read(void)
{
	char text[16];
	struct iovec iov[2] = {{text, 6}, {text + 6, 4}};
	int pair[2];

	await_go();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(write(pair[1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh", 40) == 40);
	play_mark(0);
	results[0] = RAW(SYS_read, pair[0], text, 10);
	check_next(text, results[0]);
	results[1] = RAW(SYS_readv, pair[0], iov, 2);
	check_next(text, results[1]);
	results[2] = RAW(SYS_recvfrom, pair[0], text, 10, 0, NULL, NULL);
	check_next(text, results[2]);
	results[3] = RAW(SYS_readv, pair[0], iov + 1, 1);
	check_next(text + 6, results[3]);
	results[4] = RAW(SYS_read, pair[0], text, 3);
	check_next(text, results[4]);
	play_mark(1);
	return finish();
}

/* Only accepted fds are meant: the pipe, the listener and the connecting side are not. */
static int part_accepted(void)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	int fd = listener(), near = socket(AF_INET, SOCK_STREAM, 0), far, copy, ends[2];

	await_go();
	getsockname(fd, (struct sockaddr *)&address, &size);
	CHECK(connect(near, (struct sockaddr *)&address, size) == 0 && pipe(ends) == 0);
	far = (int)RAW(SYS_accept4, fd, NULL, NULL, 0);
	copy = dup(far);
	play_mark(0);
	results[0] = RAW(SYS_write, ends[1], "x", 1);
	results[1] = RAW(SYS_write, near, "x", 1);
	results[2] = RAW(SYS_write, far, "x", 1);
	results[3] = RAW(SYS_write, copy, "x", 1);
	close(copy);
	CHECK(dup2(ends[1], copy) == copy);
	results[4] = RAW(SYS_write, copy, "x", 1);
	play_mark(1);
	return finish();
}

static int part_close(void)
{
	int fd = dup(0);

	await_go();
	play_mark(0);
	results[0] = RAW(SYS_close, fd);
	results[1] = RAW(SYS_close, fd);
	results[2] = RAW(SYS_close, fd);
	play_mark(1);
	return finish();
}

/* A child counts for itself. */
static int part_children(void)
{
	long *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = listener();

	await_go();
	play_mark(0);
	for (int child = 0; child < 2; child++) {
		pid_t pid = fork();

		if (pid == 0) {
			for (int i = 0; i < 4; i++)
				shared[child * 4 + i] = RAW(SYS_accept4, fd, NULL, NULL, 0);
			_exit(0);
		}
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
	play_mark(1);
	memcpy(results, shared, sizeof results);
	return finish();
}

#define INJ EVF_INJECTED
#define CUT EVF_SHORTENED
#define NO  -EAGAIN

struct deliver_row {
	const char *part, *fault;
	long results[RESULTS];
	uint16_t flags[RESULTS];
	size_t count; /* calls between the marks that the fault is about */
};

static const struct deliver_row rows[] = {
    {"accept", "accept4:EMFILE:2..3", {NO, -EMFILE, -EMFILE, NO, NO, NO, NO, NO}, {0, INJ, INJ}, 8},
    {"accept",
     "@accept:ECONNABORTED:3..+2",

     {NO, NO, -ECONNABORTED, NO, -ECONNABORTED, NO, -ECONNABORTED, NO},
     {0, 0, INJ, 0, INJ, 0, INJ},
     8},
    {"accept", "accept4:EMFILE:1@accepted", {NO, NO, NO, NO, NO, NO, NO, NO}, {0}, 8},
    {"wait", "epoll_pwait:EINTR:1..2", {-EINTR, -EINTR, 1, 1, 1, 1, 1, 1}, {INJ, INJ}, 8},
    {"wait", "epoll_pwait:EINTR:8", {1, 1, 1, 1, 1, 1, 1, -EINTR}, {0, 0, 0, 0, 0, 0, 0, INJ}, 8},
    {"write", "@write:short=4@any", {4, 4, 4, 4, 4, 4, 4, 28}, {CUT, CUT, CUT, CUT, CUT, CUT, 0}, 7},
    {"write", "@write:short=8@any", {8, 6, 8, 6, 8, 6, 4, 46}, {CUT, CUT, CUT, CUT, CUT, 0, 0}, 7},
    {"write",
     "@write:ENOBUFS@any",

     {-ENOBUFS, -ENOBUFS, -ENOBUFS, -ENOBUFS, 10, -ENOBUFS, -ENOBUFS, 10},
     {INJ, INJ, INJ, INJ, 0, INJ, INJ},
     7},
    {"write", "sendmsg:EPIPE", {10, 10, 10, -EPIPE, 10, 6, 4, 50}, {0, 0, 0, INJ}, 7},
    {"read", "@read:short=4@any", {4, 4, 4, 4, 3}, {CUT, CUT, CUT, 0, 0}, 5},
    {"read", "@read:short=2@any", {2, 2, 2, 2, 2}, {CUT, CUT, CUT, CUT, CUT}, 5},
    {"accepted", "@write:EPIPE", {1, 1, -EPIPE, -EPIPE, 1}, {0, 0, INJ, INJ, 0}, 5},
    {"close", "close:EIO:1", {-EIO, 0, -EBADF}, {INJ}, 3},
    {"children",
     "accept4:ENFILE:2",

     {NO, -ENFILE, NO, NO, NO, -ENFILE, NO, NO},
     {0, INJ, 0, 0, 0, INJ},
     8},
};

/* Calls of the fault's class between the marks. */
static bool meant(const struct event *event, const struct fault *fault)
{
	return event->kind == EV_CALL && call_class((enum call)event->what) == fault->class;
}

/* What precedes an injected or shortened call. */
static void check_delivery(const struct play *play, size_t at, uint32_t id, const struct deliver_row *row,
			   size_t index)
{
	const struct event *event = &play->events[at], *before = event - 1;

	assert_int_equal(before->kind, EV_FAULT);
	assert_int_equal(before->what, FAULT_DELIVERED);
	assert_int_equal(before->arg[0], id);
	assert_int_equal(before->fd, event->fd);
	assert_int_equal(before->ret, row->flags[index] & INJ ? row->results[index] : 0);
	assert_string_equal(before->data, row->fault);
}

static void check_journal(const struct play *play, const struct deliver_row *row, uint32_t id)
{
	size_t found = 0, end = play_behind(play, 1), delivered = 0;
	struct fault fault;

	assert_int_equal(fault_parse(row->fault, &fault, NULL), 0);
	for (size_t i = play_behind(play, 0); i < end; i++) {
		const struct event *event = &play->events[i];

		if (!meant(event, &fault))
			continue;
		assert_true(found < row->count);
		assert_int_equal(event->ret, row->results[found]);
		assert_int_equal(event->flags, row->flags[found]);
		if (row->flags[found]) {
			check_delivery(play, i, id, row, found);
			delivered++;
		}
		found++;
	}
	assert_int_equal(found, row->count);
	assert_int_equal(play_count(play, EV_FAULT, FAULT_DELIVERED), delivered);
	assert_int_equal(fault_set_delivered(play->faults, id), delivered);
}

static uint32_t start_armed(struct play *play, const struct deliver_row *row)
{
	uint32_t id;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	play_init(play, row->part);
	play->target.in = ends[0];
	play_start(play);
	play_await(play, EV_ENTER, CALL_ppoll);
	id = play_arm(play, row->fault);
	assert_int_equal(write(ends[1], "x", 1), 1);
	close(ends[0]);
	close(ends[1]);
	return id;
}

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct deliver_row *row = &rows[i];
		long got[RESULTS] = {0};
		struct play play;
		uint32_t id;

		print_message("row %zu: %s on %s\n", i, row->fault, row->part);
		id = start_armed(&play, row);
		assert_int_equal(play_finish(&play), 0);
		assert_int_equal(pread(play.result, got, sizeof got, 0), sizeof got);
		for (size_t j = 0; j < RESULTS; j++)
			if (got[j] != row->results[j])
				fail_msg("call %zu returned %ld, wanted %ld", j, got[j], row->results[j]);
		check_journal(&play, row, id);
		play_free(&play);
	}
}

/* Two connections; only the calls on one of them are struck. libc's own names, so that an agent sees them. */
static int part_peers(void)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	int fd = listener(), near[2], far[2];

	getsockname(fd, (struct sockaddr *)&address, &size);
	for (int i = 0; i < 2; i++) {
		near[i] = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(connect(near[i], (struct sockaddr *)&address, size) == 0);
		far[i] = accept4(fd, NULL, NULL, 0);
		CHECK(far[i] >= 0);
	}
	await_go();
	for (int i = 0; i < RESULTS; i++) {
		results[i] = send(far[i % 2], "x", 1, MSG_NOSIGNAL);
		results[i] = results[i] < 0 ? -errno : results[i];
	}
	return finish();
}

static uint16_t second_peer(const struct play *play)
{
	ssize_t first = play_find(play, 0, EV_CALL, CALL_accept4);
	ssize_t second = play_find(play, (size_t)first + 1, EV_CALL, CALL_accept4);
	struct sockaddr_in address;

	assert_true(first >= 0 && second > first);
	assert_true(play->events[second].size >= sizeof address);
	memcpy(&address, play->events[second].data, sizeof address);
	return ntohs(address.sin_port);
}

static void strike_second(const char *way)
{
	static const long wanted[RESULTS] = {1, 1, 1, -EPIPE, 1, -EPIPE, 1, 1};
	long got[RESULTS];
	char text[64];
	struct play play;
	uint32_t id;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	play_init(&play, "peers");
	play.ops = watch_find(way);
	play.target.in = ends[0];
	play_start(&play);
	play_await(&play, EV_ENTER, CALL_ppoll);
	snprintf(text, sizeof text, "@write:EPIPE:2..3@peer=%u", second_peer(&play));
	id = play_arm(&play, text);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(play_finish(&play), 0);
	assert_int_equal(pread(play.result, got, sizeof got, 0), sizeof got);
	assert_memory_equal(got, wanted, sizeof got);
	assert_int_equal(fault_set_delivered(play.faults, id), 2);
	close(ends[0]);
	close(ends[1]);
	play_free(&play);
}

static void test_one_connection_is_struck(void **state)
{
	(void)state;
	strike_second("ptrace");
	if (!PLAY_SANITIZED) /* such a program cannot be preloaded */
		strike_second("preload");
}

#if defined __x86_64__
/* The registers of a shortened call are the target's own again behind it: compilers count on them. */
static int part_registers(void)
{
	char text[64] = {0};
	struct iovec iov[2] = {{text, 20}, {text + 20, 20}};
	register long count __asm__("rdx");
	register void *vector __asm__("rsi");
	register long fd __asm__("rdi");
	long ret;
	int pair[2];

	await_go();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	/* A sanitizer's call at a read or write of memory would take the registers: none stands between here
	 * and the copies. */
	long out = pair[0];
	count = 2;
	vector = iov;
	fd = out;
	__asm__ volatile("syscall"
			 : "=a"(ret), "+r"(count), "+r"(vector), "+r"(fd)
			 : "0"((long)SYS_writev)
			 : "rcx", "r11", "memory");
	long count_after = count, vector_same = vector == iov, fd_same = fd == out;
	results[0] = ret;
	results[1] = count_after;
	results[2] = vector_same;
	results[3] = fd_same;
	return finish();
}

static void test_registers_are_put_back(void **state)
{
	static const struct deliver_row row = {.part = "registers", .fault = "writev:short=4"};
	long got[RESULTS];
	struct play play;

	(void)state;
	(void)start_armed(&play, &row);
	assert_int_equal(play_finish(&play), 0);
	assert_int_equal(pread(play.result, got, sizeof got, 0), sizeof got);
	assert_int_equal(got[0], 4);
	assert_int_equal(got[1], 2);
	assert_int_equal(got[2], 1);
	assert_int_equal(got[3], 1);
	play_free(&play);
}
#endif

/*
 * One thread's read is held back; meanwhile another makes calls of its own until that is over.
 *
 *     reader   read ····· held ····· = 1
 *     other    write write write …        until the reader is back
 */
static atomic_bool is_back;

static void *make_calls(void *arg)
{
	int fd = *(int *)arg;

	while (!atomic_load(&is_back))
		CHECK(RAW(SYS_write, fd, &(uint64_t){1}, 8) == 8);
	return NULL;
}

static int part_held(void)
{
	int pair[2], event = eventfd(0, 0);
	pthread_t other;
	char byte;

	await_go();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && RAW(SYS_write, pair[1], "x", 1) == 1);
	CHECK(pthread_create(&other, NULL, make_calls, &event) == 0);
	results[0] = RAW(SYS_read, pair[0], &byte, 1);
	atomic_store(&is_back, true);
	CHECK(pthread_join(other, NULL) == 0);
	return finish();
}

#define HELD_NS (50 * NS_PER_MS)

static void test_delay_holds_one_thread(void **state)
{
	static const struct deliver_row row = {.part = "held", .fault = "read:delay=50ms:1"};
	const struct event *held, *back;
	ssize_t at, end;
	struct play play;
	size_t others = 0;
	uint32_t id;

	(void)state;
	id = start_armed(&play, &row);
	assert_int_equal(play_finish(&play), 0);
	assert_int_equal(fault_set_delivered(play.faults, id), 1);
	at = play_find(&play, 0, EV_FAULT, FAULT_DELIVERED);
	assert_true(at >= 0);
	end = play_find(&play, (size_t)at, EV_CALL, CALL_read);
	assert_true(end > at);
	held = &play.events[at];
	back = &play.events[end];
	assert_string_equal(held->data, row.fault);
	assert_int_equal(held->arg[1], HELD_NS);
	assert_int_equal(held->tid, back->tid);
	assert_int_equal(held->fd, back->fd);
	assert_int_equal(back->ret, 1);
	assert_int_equal(back->flags, 0);			 /* the kernel's own result */
	assert_true(back->at >= held->at + HELD_NS - NS_PER_MS); /* it is stamped after the hold begins */
	for (ssize_t i = at; i < end; i++)
		others += play.events[i].kind == EV_CALL && play.events[i].tid != held->tid;
	assert_true(others > 0);
	play_free(&play);
}

/* A wait that is held back is not entered until then: nobody takes the thread for asleep. */
static void test_delayed_wait_is_entered_late(void **state)
{
	static const struct deliver_row row = {.part = "wait", .fault = "epoll_pwait:delay=20ms:2"};
	struct play play;
	size_t first;
	ssize_t held;

	(void)state;
	(void)start_armed(&play, &row);
	assert_int_equal(play_finish(&play), 0);
	held = play_find(&play, 0, EV_FAULT, FAULT_DELIVERED);
	assert_true(held > 0);
	first = (size_t)play_find(&play, 0, EV_CALL, CALL_epoll_pwait);
	assert_int_equal(first + 1, held);
	assert_int_equal(play.events[held + 1].kind, EV_ENTER);
	assert_int_equal(play.events[held + 1].what, CALL_epoll_pwait);
	assert_int_equal(play.events[held + 2].ret, 1);
	play_free(&play);
}

/* Killed meanwhile: nothing is left to be resumed, and nobody waits for it. */
static void test_held_target_can_be_killed(void **state)
{
	static const struct deliver_row row = {.part = "wait", .fault = "epoll_pwait:delay=10s:1"};
	struct play play;

	(void)state;
	(void)start_armed(&play, &row);
	play_await(&play, EV_FAULT, FAULT_DELIVERED);
	assert_int_equal(watcher_signal(play.watcher, SIGKILL, true), 0);
	assert_int_equal(play_finish(&play), SIGKILL);
	play_free(&play);
}

/* Lifted while the target runs: from then on nothing strikes. */
static int part_loop(void)
{
	int fd = listener();
	long ret;

	await_go();
	do
		ret = RAW(SYS_accept4, fd, NULL, NULL, 0);
	while (ret == -EMFILE);
	results[0] = ret;
	return finish();
}

static void test_lifting_ends_it(void **state)
{
	static const struct deliver_row row = {.part = "loop", .fault = "accept4:EMFILE"};
	long got[RESULTS];
	uint64_t delivered;
	struct play play;
	uint32_t id;

	(void)state;
	id = start_armed(&play, &row);
	for (int i = 0; i < 10; i++)
		play_await(&play, EV_FAULT, FAULT_DELIVERED);
	assert_int_equal(fault_set_lift(play.faults, id, &delivered), 0);
	assert_int_equal(play_finish(&play), 0);
	assert_int_equal(pread(play.result, got, sizeof got, 0), sizeof got);
	assert_int_equal(got[0], -EAGAIN);
	assert_true(delivered >= 1);
	assert_int_equal(delivered, play_count(&play, EV_FAULT, FAULT_DELIVERED));
	play_free(&play);
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
		{"accept", part_accept},
		{"wait", part_wait},
		{"write", part_write},
		{"read", part_read},
		{"accepted", part_accepted},
		{"close", part_close},
		{"children", part_children},
		{"loop", part_loop},
		{"held", part_held},
		{"peers", part_peers},
#if defined __x86_64__
		{"registers", part_registers},
#endif
	};
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_lifting_ends_it),
		cmocka_unit_test(test_one_connection_is_struck),
		cmocka_unit_test(test_delay_holds_one_thread),
		cmocka_unit_test(test_delayed_wait_is_entered_late),
		cmocka_unit_test(test_held_target_can_be_killed),
#if defined __x86_64__
		cmocka_unit_test(test_registers_are_put_back),
#endif
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
