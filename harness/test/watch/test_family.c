/* SPDX-License-Identifier: MIT */
/* Threads, children, exec: who is whose, and that nobody escapes. */
#include "play.h"

#include <linux/sched.h> /* struct clone_args */
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#define CHILDREN 64
#define THREADS	 4

/* The PROC_FORK that made this pid or tid, NULL when there is none. */
static const struct event *birth_of(const struct play *play, int32_t tid)
{
	for (size_t i = 0; i < play->count; i++) {
		const struct event *event = &play->events[i];

		if (event->kind == EV_PROC && event->what == PROC_FORK && event->arg[0] == (uint64_t)tid)
			return event;
	}
	return NULL;
}

/* Every thread's first event comes behind its birth, its last is its end, and each process ends once. */
static void check_lives(const struct play *play)
{
	for (size_t i = 0; i < play->count; i++) {
		const struct event *event = &play->events[i], *birth = birth_of(play, event->tid);

		if (event->tid <= 0)
			continue;
		if (event->tid != play->pid && (!birth || birth > event))
			fail_msg("event %zu of %d, which was not born", i, event->tid);
		if (event->kind != EV_PROC || event->what != PROC_EXIT)
			continue;
		for (size_t j = i + 1; j < play->count; j++)
			if (play->events[j].tid == event->tid)
				fail_msg("%d goes on after its end", event->tid);
	}
	assert_int_equal(play_count(play, EV_PROC, PROC_EXIT), play_count(play, EV_PROC, PROC_FORK) + 1);
}

static size_t last_ends(const struct play *play)
{
	size_t count = 0;

	for (size_t i = 0; i < play->count; i++)
		count += play->events[i].kind == EV_PROC && play->events[i].what == PROC_EXIT &&
			 play->events[i].arg[0];
	return count;
}

/*
 *   main ── event ──► epoll ◄── wait ── 4 threads, each asleep in it, each woken
 */
static void *sleeper(void *arg)
{
	struct epoll_event event;

	CHECK(epoll_wait(*(int *)arg, &event, 1, -1) == 1);
	play_mark(gettid());
	return NULL;
}

static int part_threads(void)
{
	int epoll = epoll_create1(0), bell = eventfd(0, 0);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 5};
	pthread_t threads[THREADS];

	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, bell, &event) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, sleeper, &epoll) == 0);
	eventfd_write(bell, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void test_threads(void **state)
{
	struct play play;
	size_t waits = 0;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_through(&play, "threads");
	check_lives(&play);
	assert_int_equal(play_count(&play, EV_PROC, PROC_FORK), THREADS);
	assert_int_equal(last_ends(&play), 1);
	for (size_t i = 0; i < play.count; i++) {
		const struct event *event = &play.events[i];

		if (event->kind == EV_PROC && event->what == PROC_FORK) {
			assert_int_equal(event->pid, play.pid);
			assert_int_equal(event->tid, play.pid);
			assert_true(event->arg[1] & CLONE_THREAD);
			assert_true(event->arg[1] & CLONE_FILES);
		}
		if (event->kind == EV_CALL && event->what == CALL_epoll_wait) {
			assert_int_equal(event->pid, play.pid);
			assert_int_not_equal(event->tid, play.pid);
			assert_int_equal(event->ret, 1);
			waits++;
		}
	}
	assert_int_equal(waits, THREADS);
	play_free(&play);
}

static int part_children(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			play_mark(i);
			_exit(i & 1);
		}
	}
	for (int i = 0; i < CHILDREN; i++)
		CHECK(wait(NULL) > 0);
	return 0;
}

static void test_short_lived_children(void **state)
{
	struct play play;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_through(&play, "children");
	check_lives(&play);
	assert_int_equal(play_count(&play, EV_PROC, PROC_FORK), CHILDREN);
	assert_int_equal(last_ends(&play), CHILDREN + 1);
	for (uint64_t i = 0; i < CHILDREN; i++) {
		const struct event *mark = &play.events[play_behind(&play, i) - 1];
		const struct event *end = mark;

		assert_int_equal(birth_of(&play, mark->pid)->pid, play.pid);
		assert_int_equal(birth_of(&play, mark->pid)->arg[1] & (CLONE_FILES | CLONE_THREAD), 0);
		while (end->pid != mark->pid || end->kind != EV_PROC)
			end++;
		assert_int_equal(end->what, PROC_EXIT);
		assert_int_equal(WEXITSTATUS(end->ret), i & 1);
	}
	play_free(&play);
}

/* Each way to make a child, with the flags it was asked for. */
static int part_clones(void)
{
	struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
	pid_t pid;

	play_mark(0);
	pid = vfork();
	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	play_mark(1);
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	play_mark(2);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}

static void test_flags_of_clones(void **state)
{
	struct play play;
	const struct event *exec;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_through(&play, "clones");
	check_lives(&play);
	assert_true(play_event(&play, play_behind(&play, 0), EV_PROC, PROC_FORK)->arg[1] & CLONE_VFORK);
	assert_int_equal(play_event(&play, play_behind(&play, 1), EV_PROC, PROC_FORK)->arg[1] & ~0xffu,
			 CLONE_FILES);
	assert_int_equal(play_event(&play, play_behind(&play, 2), EV_PROC, PROC_FORK)->arg[1] & ~0xffu,
			 CLONE_FILES);
	exec = play_event(&play, play_behind(&play, 0), EV_PROC, PROC_EXEC);
	assert_int_equal(exec->pid, play_event(&play, play_behind(&play, 0), EV_PROC, PROC_FORK)->arg[0]);
	assert_non_null(strstr(exec->data, "/true"));
	play_free(&play);
}

/* exec from a thread that is not the first: it goes on under the process's number, the others are gone. */
static void *execute(void *arg)
{
	(void)arg;
	execl("/proc/self/exe", "self", "--play", "mark", NULL);
	return NULL;
}

static int part_exec_from_thread(void)
{
	pthread_t other, thread;
	int bell = eventfd(0, 0), epoll = epoll_create1(0);

	(void)bell;
	CHECK(pthread_create(&other, NULL, sleeper, &epoll) == 0);
	CHECK(pthread_create(&thread, NULL, execute, NULL) == 0);
	pause();
	return 1;
}

static int part_mark(void)
{
	play_mark(0);
	return 0;
}

static void test_exec_from_a_thread(void **state)
{
	struct play play;
	size_t ends = 0;

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	play_through(&play, "exec-from-thread");
	check_lives(&play);
	assert_int_equal(play.events[play_behind(&play, 0) - 1].tid, play.pid);
	assert_int_equal(play_count(&play, EV_PROC, PROC_EXEC), 2);
	for (size_t i = 0; i < play.count; i++)
		ends += play.events[i].kind == EV_PROC && play.events[i].what == PROC_EXIT;
	assert_int_equal(ends, 3); /* both threads, the process */
	assert_int_equal(last_ends(&play), 1);
	play_free(&play);
}

/* A daemon: forked twice, in a session of its own, its parent gone. It is followed to its end. */
static int part_daemon(void)
{
	int ends[2];
	char byte;

	CHECK(pipe(ends) == 0);
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			close(ends[1]);
			CHECK(read(ends[0], &byte, 1) == 0); /* the first process is gone */
			play_mark(7);
			_exit(0);
		}
		_exit(0);
	}
	CHECK(wait(NULL) > 0);
	return 0;
}

static void test_daemons_stay_watched(void **state)
{
	struct play play;
	const struct event *mark;

	(void)state;
	play_through(&play, "daemon");
	check_lives(&play);
	mark = &play.events[play_behind(&play, 7) - 1];
	assert_int_not_equal(mark->pid, play.pid);
	assert_int_equal(last_ends(&play), 3);
	play_free(&play);
}

/* The leader ends first; the process lives on in its other thread and ends once. */
static void *outlive(void *arg)
{
	while (tgkill(getpid(), getpid(), 0) == 0) {
		char path[64], text[256] = "";
		int fd;

		snprintf(path, sizeof path, "/proc/%d/stat", getpid());
		fd = open(path, O_RDONLY);
		CHECK(read(fd, text, sizeof text - 1) > 0);
		close(fd);
		if (strstr(text, ") Z "))
			break;
		sched_yield();
	}
	play_mark(3);
	(void)arg;
	_exit(0);
}

static int part_leader_first(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, outlive, NULL) == 0);
	pthread_exit(NULL);
}

static void test_leader_ends_first(void **state)
{
	struct play play;

	(void)state;
	play_through(&play, "leader-first");
	check_lives(&play);
	assert_int_equal(play.events[play_behind(&play, 3) - 1].pid, play.pid);
	assert_int_equal(last_ends(&play), 1);
	play_free(&play);
}

/* Privilege is dropped after the start, as servers do; memory is still read (the process is undumpable then).
 */
static int part_setuid(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	int pair[2];
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
		CHECK(getuid() == 65534);
		play_mark(0);
		CHECK(pipe(pair) == 0);
		sigaction(SIGUSR1, &action, NULL);
		_exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	return WEXITSTATUS(status);
}

static void test_setuid_drop(void **state)
{
	struct play play;
	const struct event *event;

	(void)state;
	if (getuid() != 0)
		skip();
	play_through(&play, "setuid");
	event = &play.events[play_behind(&play, 0)];
	while (event->kind != EV_CALL || (event->what != CALL_pipe && event->what != CALL_pipe2))
		event++;
	assert_int_equal(event->ret, 0);
	assert_int_equal(event->flags, 0);
	assert_true(event->arg[2] > 2 && event->arg[3] > event->arg[2]);
	play_free(&play);
}

/* Nothing of libc is needed in the target. */
static void test_static_binary(void **state)
{
	static const char *const argv[] = {"/sbin/ldconfig", "-p", NULL};
	struct play play;

	(void)state;
	if (access(argv[0], X_OK) < 0)
		skip();
	play_init(&play, "");
	play.target.argv = (char *const *)argv;
	play.target.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	play_start(&play);
	assert_int_equal(play_finish(&play), 0);
	assert_true(play_count(&play, EV_CALL, CALL_openat) > 0);
	assert_true(play_count(&play, EV_CALL, CALL_write) > 0);
	close(play.target.out);
	play_free(&play);
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
	    {"threads", part_threads},
	    {"children", part_children},
	    {"clones", part_clones},
	    {"exec-from-thread", part_exec_from_thread},
	    {"mark", part_mark},
	    {"daemon", part_daemon},
	    {"leader-first", part_leader_first},
	    {"setuid", part_setuid},
	};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_short_lived_children),
	    cmocka_unit_test(test_flags_of_clones),
	    cmocka_unit_test(test_exec_from_a_thread),
	    cmocka_unit_test(test_daemons_stay_watched),
	    cmocka_unit_test(test_leader_ends_first),
	    cmocka_unit_test(test_setuid_drop),
	    cmocka_unit_test(test_static_binary),
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
