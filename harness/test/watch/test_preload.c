/* SPDX-License-Identifier: MIT */
/*
 * One workload under ptrace, under preload and under bpf gives the same journal: every thread's events in the
 * same order, with the same results, masks and data. What the agent takes and what it leaves to the tracer is
 * mixed on purpose.
 *
 *     first thread ─ mark 1 ─ calls, good and bad ─ fork, vfork, thread ─ two interrupted calls ─ mark 2
 *          │                                │
 *          └ thread: its own calls          └ children: theirs, one on a parent's memory
 */
#include "play.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "watch/agent.h"

/* The bad calls are what they are for. */
#pragma GCC diagnostic ignored "-Wnonnull"

static int pair[2];

static void use_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = 77}, got[4];
	int epoll = epoll_create1(0);

	CHECK(epoll_wait(epoll, got, 4, 0) == 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event) == 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event) < 0 && errno == EEXIST);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, 999, &event) < 0 && errno == EBADF);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], NULL) < 0 && errno == EFAULT);
	CHECK(send(pair[1], "abc", 3, 0) == 3);
	CHECK(epoll_wait(epoll, got, 4, -1) == 1 && got[0].data.u64 == 77);
	event.events = EPOLLOUT | EPOLLONESHOT;
	CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event) == 0);
	CHECK(epoll_pwait(epoll, got, 4, 50, NULL) == 1 && got[0].events == EPOLLOUT);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], NULL) == 0);
	CHECK(close(epoll) == 0);
	CHECK(close(epoll) < 0 && errno == EBADF);
}

static void use_bytes(void)
{
	char bytes[16];
	struct iovec iov[2] = {{bytes, 1}, {bytes + 1, 15}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	struct pollfd polled[2] = {{pair[0], POLLIN, 0}, {-1, POLLIN, 0}};

	CHECK(poll(polled, 2, 0) == 1);
	CHECK(readv(pair[0], iov, 2) == 3);
	CHECK(recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	errno = ENOTTY; /* a call that is well leaves it as it was */
	CHECK(writev(pair[1], iov, 2) == 16 && errno == ENOTTY);
	CHECK(recvmsg(pair[0], &message, 0) == 16);
	CHECK(sendmsg(pair[1], &message, MSG_NOSIGNAL) == 16);
	CHECK(read(pair[0], bytes, 4) == 4);
	CHECK(readv(pair[0], NULL, 2) < 0 && errno == EFAULT);
	CHECK(sendmsg(pair[0], NULL, 0) < 0 && errno == EFAULT);
	CHECK(write(pair[0], NULL, 5) < 0 && errno == EFAULT);
	CHECK(read(-1, bytes, 1) < 0 && errno == EBADF);
	CHECK(syscall(SYS_read, pair[0], bytes, 2) == 2); /* not by libc's name */
}

static int listen_on(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	socklen_t size = sizeof *address;

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, sizeof one) < 0 && errno == EFAULT);
	CHECK(bind(fd, (struct sockaddr *)address, size) == 0 && listen(fd, 5) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)address, &size) == 0);
	return fd;
}

/* One connection whose address is asked for, and one that is closed with bytes unread. */
static void use_tcp(void)
{
	struct sockaddr_in address, peer;
	int listener = listen_on(&address), error, on = 1;
	socklen_t size = sizeof peer, error_size = sizeof error;

	for (int i = 0; i < 2; i++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

		CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
		CHECK(write(client, "unread", 6) == 6);
		fd = i ? accept4(listener, NULL, NULL, SOCK_NONBLOCK)
		       : accept(listener, (struct sockaddr *)&peer, &size);
		CHECK(fd >= 0);
		CHECK(poll(&(struct pollfd){fd, POLLIN, 0}, 1, -1) == 1);
		CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0);
		CHECK(ioctl(fd, FIONBIO, &on) == 0);
		CHECK(fcntl(fd, F_GETFL, 0) & O_NONBLOCK);
		CHECK(shutdown(fd, SHUT_WR) == 0);
		CHECK(close(fd) == 0);
		CHECK(close(client) == 0);
	}
	CHECK(close(listener) == 0);
}

static void *run_thread(void *arg)
{
	char byte;
	int file = open("/dev/null", O_WRONLY), copy = fcntl(file, F_DUPFD_CLOEXEC, 40);

	(void)arg;
	CHECK(write(copy, "xyz", 3) == 3 && read(pair[0], &byte, 1) == 1);
	CHECK(close(file) == 0 && close(copy) == 0);
	return NULL;
}

static void have_children(void)
{
	pthread_t thread;
	int status;
	pid_t child = fork();

	if (child == 0) {
		CHECK(write(pair[1], "child", 5) == 5 && close(pair[1]) == 0);
		_exit(7);
	}
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
	child = vfork();
	if (child == 0) {
		(void)close(pair[1]); /* on its parent's memory */
		_exit(9);
	}
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 9);
	CHECK(pthread_create(&thread, NULL, run_thread, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(write(pair[1], "", 1) == 1);
}

static int bell[2];

static void on_signal(int signo)
{
	(void)signo;
	(void)!write(bell[1], "!", 1);
}

/* Both sleep until the test, which sees them sleep, signals. */
static void be_interrupted(void)
{
	struct epoll_event event;
	int epoll = epoll_create1(0);
	char byte;

	CHECK(pipe(bell) == 0);
	(void)sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL);
	CHECK(epoll_pwait(epoll, &event, 1, -1, NULL) < 0 && errno == EINTR);
	CHECK(read(bell[0], &byte, 1) == 1);
	CHECK(read(bell[0], &byte, 1) == 1); /* restarted, and there is what the handler wrote */
}

static int part_work(void)
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	play_mark(1);
	use_epoll();
	use_bytes();
	use_tcp();
	have_children();
	be_interrupted();
	play_mark(2);
	return 0;
}

static void interrupt(struct play *play, long number)
{
	for (int i = 0; !play_stands_in(play->pid, number, 'S'); i++) {
		assert_true(i < PLAY_PATIENCE_MS);
		poll(NULL, 0, 1); /* bounded: until it sleeps there */
	}
	assert_int_equal(kill(play->pid, SIGUSR1), 0);
}

/* Until the sleeping calls are next, so that no other call of that name is taken for them. */
static bool is_pipe(const struct event *event, const void *arg)
{
	(void)arg;
	return event->kind == EV_CALL && (event->what == CALL_pipe || event->what == CALL_pipe2);
}

static bool is_signal(const struct event *event, const void *arg)
{
	(void)arg;
	return event->kind == EV_PROC && event->what == PROC_SIGNAL && event->ret == SIGUSR1;
}

static void work(struct play *play, const char *way)
{
	play_init(play, "work");
	play->ops = watch_find(way);
	play_start(play);
	assert_true(play_drain(play, is_pipe, NULL) >= 0);
	interrupt(play, SYS_epoll_pwait);
	assert_true(play_drain(play, is_signal, NULL) >= 0);
	interrupt(play, SYS_read);
	assert_int_equal(play_finish(play), 0);
}

/* A signal that nobody handles and that is ignored then is only delivered to who is traced. */
static bool is_ignored(const struct event *event)
{
	return event->kind == EV_PROC && event->what == PROC_SIGNAL && event->ret == SIGCHLD;
}

/* The test's own doing, which has no thread of the target's. */
static bool is_signalling(const struct event *event)
{
	return event->kind == EV_FAULT && event->what == FAULT_SIGNAL;
}

/* The next event of that thread from there on, -1 when there is none. */
static ssize_t next_of(const struct play *play, size_t from, int32_t tid)
{
	for (size_t i = from; i < play->count; i++)
		if (play->events[i].tid == tid && !is_signalling(&play->events[i]) &&
		    !is_ignored(&play->events[i]))
			return (ssize_t)i;
	return -1;
}

/* Of a close the bytes unread are its own; when the acknowledgement of a FIN comes (and with it the state) is
 * the kernel's. */
static bool same_arguments(const struct event *one, const struct event *other)
{
	bool closed = one->kind == EV_CALL && one->what == CALL_close;

	return memcmp(one->arg, other->arg, closed ? sizeof one->arg[0] : sizeof one->arg) == 0;
}

/* Whom a fork's number means is compared by what he does. Ports are never the same. */
static bool is_same(const struct event *one, const struct event *other)
{
	bool born = one->kind == EV_PROC && one->what == PROC_FORK, address = one->size == 16;
	bool addressed = address && (one->what == CALL_accept || one->what == CALL_accept4 ||
				     one->what == CALL_connect || one->what == CALL_listen);

	if (one->kind != other->kind || one->what != other->what || one->fd != other->fd ||
	    one->ret != other->ret || one->flags != other->flags || one->size != other->size)
		return false;
	if (!born && !same_arguments(one, other))
		return false;
	return addressed || one->size == 0 || memcmp(one->data, other->data, one->size) == 0;
}

static void compare_thread(const struct play *one, size_t at, int32_t tid, const struct play *other,
			   size_t other_at, int32_t other_tid)
{
	for (;;) {
		ssize_t i = next_of(one, at, tid), j = next_of(other, other_at, other_tid);
		char text[2][256];

		if (i < 0 && j < 0)
			return;
		if (i < 0 || j < 0 || !is_same(&one->events[i], &other->events[j]))
			fail_msg("ptrace: %s\n%s: %s",
				 i < 0 ? "-" : event_text(&one->events[i], text[0], sizeof text[0]),
				 other->ops->name,
				 j < 0 ? "-" : event_text(&other->events[j], text[1], sizeof text[1]));
		if (one->events[i].kind == EV_PROC && one->events[i].what == PROC_FORK)
			compare_thread(one, 0, (int32_t)one->events[i].arg[0], other, 0,
				       (int32_t)other->events[j].arg[0]);
		at = (size_t)i + 1;
		other_at = (size_t)j + 1;
	}
}

static void compare(const char *way)
{
	struct play one, other;

	work(&one, "ptrace");
	work(&other, way);
	compare_thread(&one, play_behind(&one, 1), one.pid, &other, play_behind(&other, 1), other.pid);
	assert_true(play_event(&other, 0, EV_PROC, PROC_EXIT)->ret >= 0);
	play_free(&one);
	play_free(&other);
}

static void test_the_same_by_preload(void **state)
{
	(void)state;
	if (PLAY_SANITIZED)
		skip(); /* such a program must load its own library first */
	compare("preload");
}

/* Where it is refused here (no privilege, no types of the kernel), or not built. */
static bool is_refused(const char *way)
{
	const struct watch_ops *ops = watch_find(way);
	struct error error;

	return ops->check && ops->check("/proc/self/exe", &error) < 0;
}

static void test_the_same_by_bpf(void **state)
{
	(void)state;
	if (PLAY_SANITIZED || is_refused("bpf"))
		skip(); /* a sanitizer keeps signals back in the target, which waits for them */
	compare("bpf");
}

/*
 * The same under faults: what each call is made to give, by whom it is counted, and what the journal says of
 * it. A process, its thread and its child converse with themselves, one after the other.
 */
static void note(long ret)
{
	long result = ret < 0 ? -errno : ret;

	CHECK(pwrite(PLAY_RESULT, &result, sizeof result, 0) == sizeof result);
}

static void take_bytes(int fd)
{
	char bytes[16];
	struct iovec iov[3] = {{bytes, 0}, {bytes, 3}, {bytes + 3, 5}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 3};

	for (int i = 0; i < 3; i++) {
		note(read(fd, bytes, 5));
		note(recv(fd, bytes, 4, 0));
		note(recv(fd, bytes, 1, MSG_DONTWAIT));
		note(readv(fd, iov, 3));
		note(recvmsg(fd, &message, 0));
	}
}

static void give_bytes(int fd)
{
	char bytes[] = "0123456789";
	struct iovec iov[3] = {{bytes, 0}, {bytes, 6}, {bytes + 6, 4}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 3};

	for (int i = 0; i < 3; i++) {
		note(write(fd, bytes, 10));
		note(writev(fd, iov, 3));
		note(send(fd, bytes, 10, MSG_NOSIGNAL));
		note(sendmsg(fd, &message, MSG_NOSIGNAL));
		note(syscall(SYS_write, fd, bytes, 10)); /* not by libc's name */
	}
	CHECK(iov[1].iov_len == 6 && bytes[9] == '9');
}

static void await_events(int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.u64 = 5}, got[2];
	int epoll = epoll_create1(0);

	for (int i = 0; i < 3; i++)
		note(epoll_ctl(epoll, i % 2 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event));
	for (int i = 0; i < 4; i++) {
		note(epoll_wait(epoll, got, 2, 0));
		note(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0));
	}
	note(close(epoll));
}

static void *converse(void *arg)
{
	struct sockaddr_in address;
	int listener = listen_on(&address), on = 1, fd = -1;
	int client = socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0 || errno == ETIMEDOUT);
	CHECK(ioctl(listener, FIONBIO, &on) == 0);
	for (int i = 0; i < 4 && fd < 0; i++) {
		fd = i % 2 ? accept(listener, NULL, NULL) : accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		note(fd);
	}
	if (fd >= 0) {
		CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
		CHECK(syscall(SYS_write, client, "abcdefghijklmnopqrstuvwxyz", 26) > 0);
		await_events(fd);
		take_bytes(fd);
		give_bytes(fd);
		note(close(fd));
	}
	(void)close(client);
	(void)close(listener);
	return NULL;
}

static int part_struck(void)
{
	pthread_t thread;
	pid_t child;

	/* Asleep until the fault is armed; not by libc's name, for it may be about poll. */
	CHECK(syscall(SYS_ppoll, &(struct pollfd){0, POLLIN, 0}, 1, NULL, NULL, 8) == 1);
	play_mark(1);
	(void)converse(NULL);
	CHECK(pthread_create(&thread, NULL, converse, NULL) == 0 && pthread_join(thread, NULL) == 0);
	child = fork();
	if (child == 0) {
		(void)converse(NULL);
		_exit(0);
	}
	CHECK(waitpid(child, NULL, 0) == child);
	play_mark(2);
	return 0;
}

static uint32_t play_struck(struct play *play, const char *way, const char *fault)
{
	uint32_t id;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	play_init(play, "struck");
	play->ops = watch_find(way);
	play->target.in = ends[0];
	play_start(play);
	play_await(play, EV_ENTER, CALL_ppoll);
	id = play_arm(play, fault);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(play_finish(play), 0);
	close(ends[0]);
	close(ends[1]);
	return id;
}

static void compare_results(const struct play *one, const struct play *other)
{
	for (off_t at = 0;; at += (off_t)sizeof(long)) {
		long results[2] = {0, 0};
		ssize_t size = pread(one->result, &results[0], sizeof(long), at);

		assert_int_equal(pread(other->result, &results[1], sizeof(long), at), size);
		assert_int_equal(results[0], results[1]);
		if (size == 0)
			return;
	}
}

static void test_faults_are_the_same(void **state)
{
	static const char *const faults[] = {
	    "@read:short=2",
	    "@read:EINTR:2..+2",
	    "@read:EAGAIN:1..4",
	    "read:EIO:2",
	    "recvmsg:ECONNRESET:1",
	    "@write:short=3:1..+2",
	    "@write:ENOBUFS:3..7",
	    "write:short=4:2..@any",
	    "@write:short=10",
	    "@wait:EINTR:1..+3",
	    "@accept:EINTR:1..2",
	    "accept4:EMFILE:1",
	    "@accept:ECONNABORTED:2",
	    "epoll_ctl:ENOSPC:1",
	    "epoll_ctl:ENOENT:1",
	    "connect:ETIMEDOUT:1",
	    "close:EIO:2",
	    "@write:delay=2ms:2..+4",
	    "epoll_wait:delay=1ms",
	    "sendto:EPIPE@fd=6",

	};

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		struct play one, other;
		uint32_t id, other_id;

		print_message("%s\n", faults[i]);
		id = play_struck(&one, "ptrace", faults[i]);
		other_id = play_struck(&other, "preload", faults[i]);
		assert_int_equal(fault_set_delivered(one.faults, id),
				 fault_set_delivered(other.faults, other_id));
		compare_thread(&one, play_behind(&one, 1), one.pid, &other, play_behind(&other, 1),
			       other.pid);
		compare_results(&one, &other);
		play_free(&one);
		play_free(&other);
	}
}

/* More than a ring holds, and nobody drains for a while: the target waits, nothing is lost. */
#define MANY 40000

static int part_many(void)
{
	for (int i = 0; i < MANY; i++)
		CHECK(fcntl(-1, PLAY_MARK, (long)i) < 0);
	return 0;
}

static void test_nothing_is_lost(void **state)
{
	struct play play;
	uint64_t next = 0;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_init(&play, "many");
	play.ops = watch_find("preload");
	play_start(&play);
	poll(NULL, 0, 50); /* not to wait for anything: to be late */
	assert_int_equal(play_finish(&play), 0);
	for (size_t i = 0; i < play.count; i++)
		if (play.events[i].kind == EV_CALL && play.events[i].what == CALL_fcntl &&
		    play.events[i].arg[0] == PLAY_MARK)
			assert_int_equal(play.events[i].arg[1], next++);
	assert_int_equal(next, MANY);
	play_free(&play);
}

/* The same by bpf, which cannot make it wait: what found no room is counted. */
#define MORE 500000

static int part_more(void)
{
	for (int i = 0; i < MORE; i++)
		CHECK(fcntl(-1, PLAY_MARK, (long)i) < 0);
	CHECK(write(PLAY_RESULT, "!", 1) == 1);
	return 0;
}

static void test_what_is_lost_is_counted(void **state)
{
	struct play play;
	int64_t seen = 0, lost = 0;
	char byte;

	(void)state;
	if (PLAY_SANITIZED || is_refused("bpf"))
		skip();
	play_init(&play, "more");
	play.ops = watch_find("bpf");
	play_start(&play);
	for (int i = 0; pread(play.result, &byte, 1, 0) != 1; i++) {
		assert_true(i < PLAY_PATIENCE_MS);
		poll(NULL, 0, 1); /* bounded: until it is through, and nobody drains meanwhile */
	}
	assert_int_equal(play_finish(&play), 0);
	for (size_t i = 0; i < play.count; i++) {
		const struct event *event = &play.events[i];

		if (event->kind == EV_PROC && event->what == PROC_LOST)
			lost += event->ret;
		seen += event->kind == EV_CALL && event->what == CALL_fcntl && event->arg[0] == PLAY_MARK;
	}
	assert_true(lost > 0 && seen > 0);
	assert_in_range(seen + lost, MORE, MORE + 4); /* and, it may be, its last word and its end */
	assert_int_equal(play_count(&play, EV_PROC, PROC_EXIT), 1);
	play_free(&play);
}

/* A number kept by the agent would be one the target does not get. */
static int part_limit(void)
{
	struct rlimit limit = {64, 64};
	int first = open("/dev/null", O_RDONLY), fd = first;

	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	while (fd >= 0)
		fd = open("/dev/null", O_RDONLY);
	CHECK(errno == EMFILE);
	CHECK(write(PLAY_RESULT, &first, sizeof first) == sizeof first);
	return 0;
}

static int first_fd(const char *way)
{
	struct play play;
	int first;

	play_init(&play, "limit");
	play.ops = watch_find(way);
	play_start(&play);
	assert_int_equal(play_finish(&play), 0);
	assert_int_equal(pread(play.result, &first, sizeof first, 0), sizeof first);
	play_free(&play);
	return first;
}

static void test_no_fd_is_taken(void **state)
{
	(void)state;
	if (PLAY_SANITIZED)
		skip();
	assert_int_equal(first_fd("ptrace"), first_fd("preload"));
}

/* What an armed fault may strike is not left to the tracer: stops would show as so many sleeps. */
#define QUICK 2000

static int part_quick(void)
{
	struct rusage before, after;
	char byte;
	int failed = 0;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(send(pair[1], "1", 1, 0) == 1 && recv(pair[0], &byte, 1, MSG_PEEK) == 1);
	CHECK(getrusage(RUSAGE_THREAD, &before) == 0);
	for (int i = 0; i < QUICK; i++)
		failed += recv(pair[0], &byte, 1, MSG_PEEK) < 0 && errno == ENOMEM;
	CHECK(getrusage(RUSAGE_THREAD, &after) == 0);
	CHECK(after.ru_nvcsw - before.ru_nvcsw < QUICK / 2);
	return failed == QUICK / 2 ? 5 : 1;
}

static void test_faults_cost_no_stop(void **state)
{
	struct play play;
	uint32_t id, lifted;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_init(&play, "quick");
	play.ops = watch_find("preload");
	lifted = play_arm(&play, "sendto:EPIPE");
	id = play_arm(&play, "recvfrom:ENOMEM:2..+2");
	assert_int_equal(fault_set_lift(play.faults, lifted, NULL), 0);
	play_start(&play);
	assert_int_equal(WEXITSTATUS(play_finish(&play)), 5);
	assert_int_equal(fault_set_delivered(play.faults, id), QUICK / 2);
	assert_int_equal(play_count(&play, EV_FAULT, FAULT_DELIVERED), QUICK / 2);
	play_free(&play);
}

/* Calls that do not go by libc's names are seen, and it is said that they cost more. */
static int part_raw(void)
{
	CHECK(fcntl(-1, F_GETFD) < 0); /* by its name: the agent is there */
	for (int i = 0; i < 1500; i++)
		CHECK(RAW(SYS_fcntl, -1, PLAY_MARK, (long)i) < 0);
	return 0;
}

static void test_other_ways_are_told(void **state)
{
	size_t marks = 0, notes = 0;
	struct play play;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_init(&play, "raw");
	play.ops = watch_find("preload");
	play_start(&play);
	assert_int_equal(play_finish(&play), 0);
	for (size_t i = 0; i < play.count; i++) {
		const struct event *event = &play.events[i];
		char text[256];

		marks += event->kind == EV_CALL && event->what == CALL_fcntl && event->arg[0] == PLAY_MARK;
		if (event->kind != EV_MARK || event->what != MARK_NOTE)
			continue;
		notes++;
		(void)event_text(event, text, sizeof text);
		assert_non_null(strstr(text, "does not cover"));
		assert_non_null(strstr(text, "fcntl"));
	}
	assert_int_equal(marks, 1500);
	assert_int_equal(notes, 1);
	play_free(&play);
}

/* A thread is cancelled where libc would end it, asleep in epoll_wait or on its way there. */
static void *sleep_for_ever(void *arg)
{
	struct epoll_event event;

	for (;;)
		(void)epoll_wait(*(int *)arg, &event, 1, -1);
	return NULL;
}

static int part_cancel(void)
{
	int epoll = epoll_create1(0);

	for (int i = 0; i < 50; i++) {
		pthread_t thread;
		void *result;

		CHECK(pthread_create(&thread, NULL, sleep_for_ever, &epoll) == 0);
		if (i % 2)
			sched_yield();
		CHECK(pthread_cancel(thread) == 0);
		CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
	}
	return 0;
}

static void test_threads_are_cancelled(void **state)
{
	struct play play;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_init(&play, "cancel");
	play.ops = watch_find("preload");
	play_start(&play);
	assert_int_equal(play_finish(&play), 0);
	play_free(&play);
}

/* What a program that sandboxes itself allows is what it calls, and nothing of the agent's: anything else
 * kills it. */
static int part_confined(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_accept, 7, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_accept4, 6, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 5, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	struct sockaddr_in address;
	int listener = listen_on(&address), clients[2], fd;
	char bytes[8];

	for (int i = 0; i < 2; i++)
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 &&
	      errno == EFAULT); /* is there such a thing? */
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK(connect(clients[i], (struct sockaddr *)&address, sizeof address) == 0);
		fd = i ? accept4(listener, NULL, NULL, 0) : accept(listener, NULL, NULL);
		CHECK(write(clients[i], "unread", 6) == 6 && read(fd, bytes, 2) == 2);
		CHECK(write(fd, NULL, 5) < 0 && errno == EFAULT);
		CHECK(close(fd) == 0 && close(clients[i]) == 0);
	}
	return 0;
}

static void test_the_confined_live(void **state)
{
	struct play play;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_init(&play, "confined");
	play.ops = watch_find("preload");
	play_start(&play);
	assert_int_equal(play_finish(&play), 0);
	assert_int_equal(play_count(&play, EV_CALL, CALL_accept) + play_count(&play, EV_CALL, CALL_accept4),
			 2);
	play_free(&play);
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
	    {"more", part_more},   {"work", part_work},	    {"many", part_many},
	    {"limit", part_limit}, {"struck", part_struck}, {"quick", part_quick},
	    {"raw", part_raw},	   {"cancel", part_cancel}, {"confined", part_confined},
	};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_same_by_preload),	  cmocka_unit_test(test_the_same_by_bpf),
	    cmocka_unit_test(test_nothing_is_lost),	  cmocka_unit_test(test_what_is_lost_is_counted),
	    cmocka_unit_test(test_no_fd_is_taken),	  cmocka_unit_test(test_faults_are_the_same),
	    cmocka_unit_test(test_faults_cost_no_stop),	  cmocka_unit_test(test_other_ways_are_told),
	    cmocka_unit_test(test_threads_are_cancelled), cmocka_unit_test(test_the_confined_live),
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
