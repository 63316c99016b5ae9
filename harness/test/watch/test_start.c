/* SPDX-License-Identifier: MIT */
/* Starting, failing to start, ending: under each way of watching where it makes no difference. */
#include "play.h"

#include <limits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *const ways[] = {"ptrace", "preload", "bpf", "none"};

/* A program with a sanitizer loads its own library first: the agent stays out. bpf takes privilege, and a
 * kernel that describes itself. */
static bool is_refused(const char *way)
{
	const struct watch_ops *ops = watch_find(way);
	struct error error;

	if (strcmp(way, "bpf") == 0)
		return ops->check(way, &error) < 0;
	return PLAY_SANITIZED && strcmp(way, "preload") == 0;
}

static void test_the_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		const struct watch_ops *ops = watch_find(ways[i]);

		assert_non_null(ops);
		assert_ptr_equal(ops, watch_list[i]);
		assert_string_equal(ops->name, ways[i]);
		assert_true(strlen(ops->doc) > 0);
	}
	assert_null(watch_list[COUNT_OF(ways)]);
	assert_null(watch_find("dtrace"));
	assert_null(watch_find(""));
}

static void test_what_cannot_start(void **state)
{
	static const struct {
		const char *path, *directory;
		int code;
		const char *text;
	} rows[] = {
	    {"/nowhere/server", NULL, -ENOENT, "cannot run /nowhere/server: No such file or directory"},
	    {"no-such-server-on-the-path", NULL, -ENOENT,
	     "cannot run no-such-server-on-the-path: No such file or directory"},
	    {"/etc/passwd", NULL, -EACCES, "cannot run /etc/passwd: Permission denied"},
	    {"/", NULL, -EACCES, "cannot run /: Permission denied"},
	    {"/bin/true", "/nowhere", -ENOENT,
	     "cannot enter the directory for /bin/true: No such file or directory"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(ways); i++) {
		size_t row = i / COUNT_OF(ways);
		struct error error = {0};
		struct play play;

		if (is_refused(ways[i % COUNT_OF(ways)]) && strcmp(ways[i % COUNT_OF(ways)], "bpf") == 0)
			continue;
		play_init(&play, "");
		play.ops = watch_find(ways[i % COUNT_OF(ways)]);
		play.argv[0] = rows[row].path;
		play.argv[1] = NULL;
		play.target.directory = rows[row].directory;
		assert_int_equal(play_try(&play, &error), rows[row].code);
		assert_string_equal(error.text, rows[row].text);
		assert_null(play.watcher);
		assert_int_equal(journal_count(play.journal), 0);
		play_free(&play);
	}
}

static void test_no_command(void **state)
{
	struct error error = {0};
	struct play play;

	(void)state;
	play_init(&play, "");
	play.argv[0] = NULL;
	assert_int_equal(play_try(&play, &error), -EINVAL);
	assert_string_equal(error.text, "no command to start");
	play_free(&play);
}

/* What the target finds: its fds, limits, directory, session, environment. */
static int part_look(void)
{
	struct rlimit limit;
	char cwd[PATH_MAX], text[PATH_MAX + 200];

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && getcwd(cwd, sizeof cwd));
	snprintf(text, sizeof text, "%ld %ld %s %d %s", (long)limit.rlim_cur, (long)limit.rlim_max, cwd,
		 getsid(0) == getpid(), getenv("COLOUR") ? getenv("COLOUR") : "-");
	CHECK(dprintf(PLAY_RESULT, "%s", text) > 0);
	CHECK(write(1, "out", 3) == 3 && write(2, "err", 3) == 3);
	CHECK(read(0, text, 3) == 3 && !memcmp(text, "in!", 3));
	for (int signo = 1; signo < NSIG; signo++) {
		struct sigaction action;

		CHECK(sigaction(signo, NULL, &action) < 0 || action.sa_handler == SIG_DFL);
	}
	sigset_t mask;
	CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGTERM) == 0);
	return 17;
}

static void check_file(int fd, const char *wanted)
{
	char text[512] = "";

	assert_true(pread(fd, text, sizeof text - 1, 0) >= 0);
	assert_string_equal(text, wanted);
	close(fd);
}

static void test_what_the_target_finds(void **state)
{
	static char *const environment[] = {"COLOUR=green", NULL};

	(void)state;
	if (PLAY_SANITIZED)
		skip();
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct play play;
		int in;

		if (is_refused(ways[i]))
			continue;
		in = memfd_create("in", MFD_CLOEXEC);
		assert_int_equal(pwrite(in, "in!", 3, 0), 3);
		play_init(&play, "look");
		play.ops = watch_find(ways[i]);
		play.target = (struct watch_target){
		    .argv = play.target.argv,
		    .envp = environment,
		    .directory = "/usr",
		    .in = in,
		    .out = memfd_create("out", MFD_CLOEXEC),
		    .err = memfd_create("err", MFD_CLOEXEC),
		    .fd_soft = 77,
		    .fd_hard = 99,
		    .new_session = true,
		};
		play_start(&play);
		assert_int_equal(WEXITSTATUS(play_finish(&play)), 17);
		check_file(play.target.out, "out");
		check_file(play.target.err, "err");
		close(in);
		check_file(dup(play.result), "77 99 /usr 1 green");
		assert_int_equal(play_event(&play, 0, EV_PROC, PROC_START)->pid, play.pid);
		assert_int_equal(play_event(&play, 0, EV_PROC, PROC_EXIT)->arg[0], 1);
		play_free(&play);
	}
}

/* The three fds crossed over: out is our in, in our out. */
static int part_crossed(void)
{
	char text[2];

	CHECK(read(0, text, 2) == 2 && write(1, text, 2) == 2);
	return 0;
}

static void test_fds_may_be_each_others(void **state)
{
	struct play play;
	int saved[2] = {dup(0), dup(1)}, in = memfd_create("in", 0), out = memfd_create("out", 0);

	(void)state;
	assert_int_equal(pwrite(in, "42", 2, 0), 2);
	play_init(&play, "crossed");
	fflush(stdout);
	dup2(out, 0);
	dup2(in, 1);
	play.target.in = 1;
	play.target.out = 0;
	play_start(&play);
	assert_int_equal(play_finish(&play), 0);
	dup2(saved[0], 0);
	dup2(saved[1], 1);
	check_file(out, "42");
	close(saved[0]);
	close(saved[1]);
	close(in);
	play_free(&play);
}

/*
 *   target ── child ── grandchild, orphaned into a session of its own
 *      └── stopped by SIGSTOP
 * Each has written its pid down and sleeps for ever; freeing the watcher leaves none.
 */
static void sleep_for_ever(void)
{
	pid_t pid = getpid();

	CHECK(write(PLAY_RESULT, &pid, sizeof pid) == sizeof pid);
	for (;;)
		pause();
}

static int part_family(void)
{
	if (fork() == 0) {
		if (fork() == 0) {
			setsid();
			signal(SIGTERM, SIG_IGN);
			sleep_for_ever();
		}
		_exit(0);
	}
	wait(NULL);
	if (fork() == 0) {
		if (fork() == 0)
			sleep_for_ever();
		sleep_for_ever();
	}
	if (fork() == 0) {
		pid_t pid = getpid();

		CHECK(write(PLAY_RESULT, &pid, sizeof pid) == sizeof pid);
		raise(SIGSTOP);
	}
	sleep_for_ever();
	return 0;
}

#define FAMILY 5

/* No such process, or one that only waits to be reaped by somebody else. */
static bool is_gone(pid_t pid)
{
	char state = play_state(pid);

	return state == 'Z' || state == 'X';
}

static void follow(struct play *play)
{
	poll(&(struct pollfd){journal_fd(play->journal), POLLIN, 0}, 1, 1);
	assert_int_equal(journal_drain(play->journal, play_sink, play), 0);
}

static bool one_is_stopped(const struct play *play, const pid_t pids[FAMILY])
{
	bool traced = play->ops != watch_find("none") && play->ops != watch_find("bpf");
	char state = traced ? 't' : 'T';

	for (int i = 0; i < FAMILY; i++)
		if (play_stands_in(pids[i], SYS_tgkill, state))
			return true;
	return false;
}

/* Until all have written their pid, and the one that stops itself has. */
static void await_family(struct play *play, pid_t pids[FAMILY])
{
	ssize_t all = (ssize_t)(FAMILY * sizeof *pids);

	for (int i = 0; pread(play->result, pids, (size_t)all, 0) < all || !one_is_stopped(play, pids); i++) {
		assert_true(i < 20000);
		follow(play);
	}
}

static void test_free_leaves_no_process(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		pid_t pids[FAMILY];
		struct play play;

		if (is_refused(ways[i]))
			continue;
		play_init(&play, "family");
		play.ops = watch_find(ways[i]);
		play.target.new_session = true;
		play_start(&play);
		await_family(&play, pids);
		assert_int_equal(watcher_alive(play.watcher), FAMILY);
		watcher_free(play.watcher);
		play.watcher = NULL;
		for (int j = 0; j < FAMILY; j++)
			assert_true(is_gone(pids[j]));
		play_free(&play);
	}
}

/* One signal to all of them; the one that ignores it is left, and is the target still. */
static void test_signal_to_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		pid_t pids[FAMILY];
		struct play play;
		struct error error;

		if (is_refused(ways[i]))
			continue;
		play_init(&play, "family");
		play.ops = watch_find(ways[i]);
		play_start(&play);
		await_family(&play, pids);
		assert_int_equal(watcher_signal(play.watcher, SIGTERM, true), 0);
		assert_int_equal(watcher_signal(play.watcher, SIGCONT, true), 0);
		for (int j = 0; watcher_alive(play.watcher) > 1; j++) {
			assert_true(j < 20000);
			follow(&play);
		}
		assert_int_equal(watcher_failure(play.watcher, &error), 0);
		assert_int_equal(watcher_signal(play.watcher, SIGKILL, true), 0);
		assert_int_equal(WTERMSIG(play_finish(&play)), SIGTERM);
		assert_int_equal(play_count(&play, EV_FAULT, FAULT_SIGNAL) >= FAMILY + 1, 1);
		play_free(&play);
	}
}

/* With the journal full and nobody draining, freeing still ends. */
static int part_flood(void)
{
	while (play_mark(0), true)
		;
	return 0;
}

static void test_free_with_a_full_journal(void **state)
{
	struct play play;
	uint64_t before;

	(void)state;
	play_init(&play, "flood");
	play_start(&play);
	do {
		before = journal_count(play.journal);
		poll(NULL, 0, 50); /* bounded polling for the count to stand still */
	} while (before < 1000 || journal_count(play.journal) != before);
	watcher_free(play.watcher);
	play.watcher = NULL;
	assert_true(is_gone(play.pid));
	play_free(&play);
}

/* The harness dies, by whatever: so does the target. */
static int part_harness(void)
{
	struct play play;

	play_init(&play, "family");
	close(PLAY_RESULT);
	CHECK(dup2(atoi(getenv("RESULT")), PLAY_RESULT) == PLAY_RESULT);
	play.ops = watch_find(getenv("WAY"));
	play_start(&play);
	raise(SIGKILL);
	return 1;
}

static void test_the_target_dies_with_the_harness(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		pid_t pids[FAMILY] = {0}, harness;
		int file = memfd_create("result", 0), status;
		char number[12];

		if (is_refused(ways[i]))
			continue;
		snprintf(number, sizeof number, "%d", file);
		assert_int_equal(fcntl(file, F_SETFL, O_APPEND), 0);
		setenv("RESULT", number, 1);
		setenv("WAY", ways[i], 1);
		assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
		harness = fork();
		if (harness == 0) {
			execl("/proc/self/exe", "self", "--play", "harness", NULL);
			_exit(1);
		}
		assert_int_equal(waitpid(harness, &status, 0), harness);
		assert_int_equal(WTERMSIG(status), SIGKILL);
		/* All of them are ours to reap now; that ends only when all have. */
		while (waitpid(-1, NULL, __WALL) > 0)
			;
		assert_true(pread(file, pids, sizeof pids, 0) >= 0);
		for (int j = 0; j < FAMILY; j++)
			assert_true(!pids[j] || is_gone(pids[j]));
		close(file);
	}
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
	    {"look", part_look},   {"crossed", part_crossed}, {"family", part_family},
	    {"flood", part_flood}, {"harness", part_harness},
	};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_list),
	    cmocka_unit_test(test_what_cannot_start),
	    cmocka_unit_test(test_no_command),
	    cmocka_unit_test(test_what_the_target_finds),
	    cmocka_unit_test(test_fds_may_be_each_others),
	    cmocka_unit_test(test_free_leaves_no_process),
	    cmocka_unit_test(test_signal_to_all),
	    cmocka_unit_test(test_free_with_a_full_journal),
	    cmocka_unit_test(test_the_target_dies_with_the_harness),
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	/* a folder of the caller's that may not be entered would be a reason of its own */
	(void)setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
