/* SPDX-License-Identifier: MIT */
/*
 * Whole cases, with scenarios and a protocol written in C and a target that is this very program, started
 * with "--serve": an echo server on one epoll. Each scenario ends in its own way; after every run nothing may
 * be left: no child (this process is the subreaper while a suite runs), no file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "run/brood.h"
#include "run/pending.h"
#include "run/stage.h"
#include "run/suite.h"

/* The target. */
static void serve(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), epfd = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
	char bytes[4096];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 64) < 0 ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event) < 0)
		exit(1);
	while (epoll_wait(epfd, &event, 1, -1) == 1) {
		int fd = event.data.fd;
		ssize_t got;

		if (fd == listener) {
			event.data.fd = accept(listener, NULL, NULL);
			event.events = EPOLLIN;
			(void)epoll_ctl(epfd, EPOLL_CTL_ADD, event.data.fd, &event);
			continue;
		}
		got = read(fd, bytes, sizeof(bytes));
		if (got <= 0)
			(void)close(fd);
		else if (memmem(bytes, (size_t)got, "die", 3))
			abort();
		else
			(void)!send(fd, bytes, (size_t)got, MSG_NOSIGNAL);
	}
	exit(0);
}

/* The protocol: a line comes back. */
static int line_request(const struct protocol *protocol, enum request_kind kind, const char *token,
			uint64_t bytes, struct buf *out)
{
	(void)protocol;
	(void)bytes;
	return kind == REQUEST_BIG ? -ENOTSUP : buf_printf(out, "%s\n", token ? token : "-");
}

static int64_t line_answer(const struct protocol *protocol, enum request_kind kind, const char *token,
			   uint64_t bytes, const char *data, size_t size, bool closed,
			   uint64_t *ret_announced, struct buf *why)
{
	size_t length = strlen(token ? token : "-");

	(void)protocol;
	(void)kind;
	(void)bytes;
	(void)closed;
	if (ret_announced)
		*ret_announced = length + 1;
	if (size <= length)
		return 0;
	if (memcmp(data, token ? token : "-", length) == 0 && data[length] == '\n')
		return (int64_t)length + 1;
	(void)buf_puts(why, "expected the line back");
	return -EBADMSG;
}

static const struct protocol line_protocol = {
    .name = "line",
    .offers = PROTOCOL_REQUEST | PROTOCOL_KEEPALIVE | PROTOCOL_TOKEN,
    .request = line_request,
    .answer = line_answer,
};

/* The scenarios. */
static int play_pass(const struct scenario *scenario, struct stage *stage)
{
	struct peer *peer;
	struct error error;

	(void)scenario;
	if (stage_connect(stage, NULL, &peer, &error) < 0)
		return stage_broken(stage, "%s", error.text);
	while (peer_state(peer) == PEER_CONNECTING) {
		if (stage_step(stage, clock_now() + NS_PER_S) < 0)
			return stage_broken(stage, "no connection");
	}
	return peer_reset(peer);
}

static int play_fail(const struct scenario *scenario, struct stage *stage)
{
	(void)scenario;
	return stage_fail(stage, "it is wrong: %d", 7);
}

static int play_broken(const struct scenario *scenario, struct stage *stage)
{
	(void)scenario;
	(void)stage_broken(stage, "we are wrong");
	return stage_fail(stage, "the first word counts");
}

static int play_skip(const struct scenario *scenario, struct stage *stage)
{
	(void)scenario;
	return stage_skip(stage, "not here");
}

static int play_crash(const struct scenario *scenario, struct stage *stage)
{
	(void)scenario;
	(void)stage;
	(void)raise(SIGSEGV);
	return 0;
}

static int play_exit(const struct scenario *scenario, struct stage *stage)
{
	(void)scenario;
	(void)stage;
	_exit(5);
}

/* Deaf to everything but SIGKILL. */
static int play_hang(const struct scenario *scenario, struct stage *stage)
{
	sigset_t all;

	(void)scenario;
	(void)stage;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	for (;;)
		(void)pause();
	return 0;
}

/* For ever, but listening. */
static int play_long(const struct scenario *scenario, struct stage *stage)
{
	int rc = 0;

	(void)scenario;
	while (rc == 0)
		rc = stage_step(stage, clock_now() + NS_PER_S);
	return rc;
}

static int play_undelivered(const struct scenario *scenario, struct stage *stage)
{
	const struct fault fault = {.call = CALL_splice, .code = EINVAL, .first = 1, .fd = -1};
	struct error error = {0};
	uint32_t id;

	(void)scenario;
	if (stage_arm(stage, &fault, &id, &error) < 0)
		return stage_broken(stage, "%s", error.text);
	return 0;
}

static int play_kill_target(const struct scenario *scenario, struct stage *stage)
{
	struct peer *peer;
	struct error error;
	int rc = 0;

	(void)scenario;
	if (stage_connect(stage, NULL, &peer, &error) < 0 || peer_send(peer, "die\n", 4) < 0)
		return stage_broken(stage, "%s", error.text);
	while (rc == 0)
		rc = stage_step(stage, clock_now() + NS_PER_S);
	return rc;
}

/*
 * Once the target lies still its whole answer is here, every time, however busy the machine; and it comes to
 * that though the peer's end is all that is left to be seen to.
 */
static int play_still(const struct scenario *scenario, struct stage *stage)
{
	enum { TIMES = 200 };
	struct error error;

	(void)scenario;
	for (unsigned i = 1; i <= TIMES; i++) {
		uint64_t began = clock_now();
		struct peer *peer;
		int rc = stage_connect(stage, &(struct peer_options){.reading = true}, &peer, &error);

		rc = rc < 0 ? rc : peer_send(peer, "still?\n", 7);
		while (rc == 0 && !stage_still(stage))
			rc = stage_step(stage, clock_now() + stage_still_poll(stage, clock_now() - began));
		if (rc < 0)
			return stage_broken(stage, "round %u: %s", i, strerror(-rc));
		if (peer_inbox(peer)->size != 7)
			return stage_fail(stage, "round %u: still with %zu bytes of 7", i,
					  peer_inbox(peer)->size);
		stage_drop(stage, peer);
		while (rc == 0 && !stage_still(stage))
			rc = stage_step(stage, clock_now() + stage_still_poll(stage, 0));
		if (rc < 0)
			return stage_broken(stage, "round %u: %s", i, strerror(-rc));
		if (!pending_ended_closed(stage))
			return stage_fail(stage, "round %u: still, and the end was not seen to", i);
	}
	return 0;
}

struct row {
	struct scenario scenario;
	enum verdict verdict;
	const char *reason; /* part of it */
};

static const struct row rows[] = {
    {{.name = "passes", .play = play_pass}, VERDICT_PASS, ""},
    {{.name = "fails", .play = play_fail}, VERDICT_FAIL, "it is wrong: 7"},
    {{.name = "breaks", .play = play_broken}, VERDICT_BROKEN, "we are wrong"},
    {{.name = "skips", .play = play_skip}, VERDICT_SKIP, "not here"},
    {{.name = "crashes", .play = play_crash}, VERDICT_BROKEN, "SIGSEGV"},
    {{.name = "exits", .play = play_exit}, VERDICT_BROKEN, "status 5"},
    {{.name = "hangs", .play = play_hang}, VERDICT_BROKEN, "killed"},
    {{.name = "too-long", .play = play_long}, VERDICT_BROKEN, "limit"},
    {{.name = "undelivered", .play = play_undelivered}, VERDICT_BROKEN, "never delivered"},
    {{.name = "target-dies", .play = play_kill_target}, VERDICT_FAIL, ""},
    {{.name = "needs-big", .play = play_pass, .offers = PROTOCOL_BIG}, VERDICT_SKIP, "big answers"},
    {{.name = "few-fds", .play = play_pass, .fd_limit = 3}, VERDICT_SKIP, "3 fds"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static char *const serve_argv[] = {"/proc/self/exe", "--serve", NULL};
static char *const false_argv[] = {"/bin/false", NULL};

/* Only the cases that never end get a short limit: the others may be slow, on a busy machine. */
static struct suite_case make_case(const struct scenario *scenario, const char *watch)
{
	return (struct suite_case){
	    .scenario = scenario,
	    .round = 1,
	    .options =
		{
		    .target_name = "command",
		    .argv = serve_argv,
		    .protocol = &line_protocol,
		    .watch = watch_find(watch),
		    .sandbox = true,
		    .seed = 1,
		    .timeout =
			(scenario->play == play_hang || scenario->play == play_long ? 3 : 30) * NS_PER_S,
		},
	};
}

/* What the suite told. */
struct heard {
	struct result results[ROWS * 2];
	size_t count;
	unsigned progress;
	struct start_record unready;
	sig_atomic_t stop_at; /* what the flag becomes once something runs */
	volatile sig_atomic_t stop;
};

static void on_done(void *arg, const struct result *result)
{
	struct heard *heard = arg;

	heard->results[heard->count] = *result;
	heard->results[heard->count].findings = NULL;
	heard->results[heard->count++].masks = NULL;
}

static void on_progress(void *arg, const struct suite_progress *progress)
{
	struct heard *heard = arg;

	heard->progress++;
	assert_true(progress->done <= progress->total);
	if (progress->running > 0 && progress->elapsed > 0.3)
		heard->stop = heard->stop_at;
}

static void on_unready(void *arg, const struct start_record *record)
{
	((struct heard *)arg)->unready = *record;
}

static int run_suite(const struct suite_case *cases, size_t count, struct suite_options options,
		     struct heard *heard, struct suite_totals *totals)
{
	const struct suite_ops ops = {
	    .arg = heard, .done = on_done, .progress = on_progress, .unready = on_unready};
	struct error error = {0};

	options.stop = &heard->stop;
	return suite_run(&options, cases, count, &ops, totals, &error);
}

static size_t files_in(const char *folder)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	(void)closedir(directory);
	return count;
}

static void assert_clean(void)
{
	struct brood brood;

	assert_int_equal(brood_list(&brood), 0);
	assert_int_equal(brood.count, 0);
	brood_free(&brood);
	assert_int_equal(files_in(getenv("TMPDIR")), 0);
}

static const struct result *find(const struct heard *heard, const char *name)
{
	for (size_t i = 0; i < heard->count; i++) {
		if (strcmp(heard->results[i].scenario, name) == 0)
			return &heard->results[i];
	}
	fail_msg("no result of %s", name);
	return NULL;
}

static void test_verdicts(void **state)
{
	static struct heard heard;
	struct suite_case cases[ROWS];
	struct suite_totals totals = {0};

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		cases[i] = make_case(&rows[i].scenario, "ptrace");
	assert_int_equal(run_suite(cases, ROWS, (struct suite_options){.jobs = 3}, &heard, &totals), 0);
	for (size_t i = 0; i < ROWS; i++) {
		const struct result *result = find(&heard, rows[i].scenario.name);

		if (result->verdict != rows[i].verdict || !strstr(result->reason, rows[i].reason))
			fail_msg("%s: %s, %s", result->scenario, verdict_name(result->verdict),
				 result->reason);
	}
	assert_int_equal(totals.passed, 1);
	assert_int_equal(totals.failed, 2);
	assert_int_equal(totals.broken, 6);
	assert_int_equal(totals.skipped, 3);
	assert_int_equal(totals.not_run, 0);
	assert_true(heard.progress >= ROWS);
	assert_clean();
}

/* Without a trace the verdicts are fewer, the leftovers just as none. */
static void test_unwatched(void **state)
{
	static struct heard heard;
	const struct scenario watching = {.name = "watching", .play = play_pass, .needs = NEED_WATCH};
	const struct scenario injecting = {.name = "injecting", .play = play_pass, .needs = NEED_INJECT};
	struct suite_case cases[] = {
	    make_case(&rows[0].scenario, "none"),
	    make_case(&rows[4].scenario, "none"),
	    make_case(&watching, "none"),
	    make_case(&injecting, "none"),
	};
	struct suite_totals totals = {0};

	(void)state;
	assert_int_equal(run_suite(cases, 4, (struct suite_options){.jobs = 2}, &heard, &totals), 0);
	if (find(&heard, "passes")->verdict != VERDICT_PASS)
		fail_msg("%s", find(&heard, "passes")->reason);
	assert_int_equal(find(&heard, "crashes")->verdict, VERDICT_BROKEN);
	assert_int_equal(find(&heard, "watching")->verdict, VERDICT_SKIP);
	assert_non_null(strstr(find(&heard, "injecting")->reason, "change calls"));
	assert_clean();
}

/* Cases that come one after the other: a new one when the last is done, though there is room for it before.
 */
struct supply {
	struct heard *heard;
	const struct suite_case *cases;
	size_t count, given;
	bool side_by_side;
};

static const struct suite_case *supply_next(void *arg)
{
	struct supply *supply = arg;

	if (supply->given == supply->count || supply->given > supply->heard->count)
		return NULL;
	return &supply->cases[supply->given++];
}

static void supply_done(void *arg, const struct result *result)
{
	struct supply *supply = arg;

	on_done(supply->heard, result);
	supply->side_by_side |= supply->heard->count != supply->given;
}

static void supply_progress(void *arg, const struct suite_progress *progress)
{
	on_progress(((struct supply *)arg)->heard, progress);
}

static void test_supply(void **state)
{
	static struct heard heard;
	const struct suite_case cases[] = {make_case(&rows[0].scenario, "ptrace"),
					   make_case(&rows[4].scenario, "ptrace"),
					   make_case(&rows[1].scenario, "ptrace")};
	struct supply supply = {.heard = &heard, .cases = cases, .count = 3};
	const struct suite_ops ops = {
	    .arg = &supply, .done = supply_done, .progress = supply_progress, .next = supply_next};
	const struct suite_options options = {.jobs = 3, .stop = &heard.stop};
	struct suite_totals totals = {0};
	struct error error = {0};

	(void)state;
	assert_int_equal(suite_run(&options, NULL, 0, &ops, &totals, &error), 0);
	assert_int_equal(heard.count, 3);
	assert_false(supply.side_by_side);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(heard.results[i].scenario, cases[i].scenario->name);
	assert_int_equal(totals.passed, 1);
	assert_int_equal(totals.failed, 1);
	assert_int_equal(totals.broken, 1);
	assert_int_equal(totals.not_run, 0);
	assert_clean();
}

static void test_stop(void **state)
{
	static const int flags[] = {1, 2};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct heard heard = {.stop_at = flags[i]};
		const struct scenario endless = {.name = "endless",
						 .play = flags[i] == 1 ? play_long : play_hang};
		struct suite_case cases[] = {make_case(&endless, "ptrace"), make_case(&endless, "ptrace"),
					     make_case(&rows[0].scenario, "ptrace")};
		struct suite_totals totals = {0};
		uint64_t began = clock_now();

		cases[0].options.timeout = cases[1].options.timeout = 60 * NS_PER_S;
		assert_int_equal(run_suite(cases, 3, (struct suite_options){.jobs = 2}, &heard, &totals),
				 -EINTR);
		assert_true(clock_now() - began < 20 * NS_PER_S);
		assert_int_equal(totals.not_run, 3);
		assert_int_equal(heard.count, 0);
		assert_clean();
	}
}

static void test_still(void **state)
{
	static const char *const ways[] = {
		"ptrace",
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ /* its library wants to be the first */
		"preload",
#endif
	};
	const struct scenario scenario = {.name = "still", .play = play_still};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct heard heard = {0};
		struct suite_case one = make_case(&scenario, ways[i]);
		struct suite_totals totals = {0};

		assert_int_equal(run_suite(&one, 1, (struct suite_options){.jobs = 1}, &heard, &totals), 0);
		assert_int_equal(heard.count, 1);
		if (heard.results[0].verdict != VERDICT_PASS)
			fail_msg("%s: %s: %s", ways[i], verdict_name(heard.results[0].verdict),
				 heard.results[0].reason);
	}
	assert_clean();
}

static void test_target_that_does_not_start(void **state)
{
	static struct heard heard;
	struct suite_case one = make_case(&rows[0].scenario, "ptrace");
	struct suite_totals totals = {0};

	(void)state;
	one.options.argv = false_argv;
	assert_int_equal(run_suite(&one, 1, (struct suite_options){.jobs = 1}, &heard, &totals), 0);
	assert_int_equal(totals.broken, 1);
	assert_non_null(strstr(heard.results[0].reason, "exit status 1"));
	assert_clean();
}

/* It is given up after some cases; a target beside it is not. */
static void test_target_that_never_starts(void **state)
{
	enum { EACH = STARTS_ENOUGH + 3 };
	static struct heard heard;
	struct suite_case cases[2 * EACH];
	struct suite_totals totals = {0};

	(void)state;
	for (size_t i = 0; i < 2 * EACH; i++) {
		cases[i] = make_case(&rows[0].scenario, "none");
		if (i < EACH)
			continue;
		cases[i].options.target_name = "false";
		cases[i].options.argv = false_argv;
	}
	assert_int_equal(run_suite(cases, 2 * EACH, (struct suite_options){.jobs = 1}, &heard, &totals), 0);
	assert_int_equal(totals.passed, EACH);
	assert_int_equal(totals.broken, STARTS_ENOUGH);
	assert_int_equal(totals.not_run, EACH - STARTS_ENOUGH);
	assert_int_equal(heard.unready.unready, STARTS_ENOUGH);
	assert_int_equal(heard.unready.left_out, EACH - STARTS_ENOUGH);
	assert_string_equal(heard.unready.target, "false");
	assert_clean();
}

/* --keep keeps all, --leave what went wrong; two rounds do not overwrite each other. */
static void test_files(void **state)
{
	static struct heard heard;
	struct suite_case cases[] = {make_case(&rows[0].scenario, "ptrace"),
				     make_case(&rows[0].scenario, "ptrace"),
				     make_case(&rows[1].scenario, "ptrace")};
	struct suite_totals totals = {0};
	char kept[256], command[300];

	(void)state;
	(void)snprintf(kept, sizeof(kept), "%s/kept", getenv("TMPDIR"));
	cases[1].round = 2;
	assert_int_equal(
	    run_suite(cases, 3, (struct suite_options){.jobs = 1, .keep = kept}, &heard, &totals), 0);
	assert_int_equal(files_in(kept), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(access(heard.results[i].journal, R_OK), 0);
	assert_int_equal(heard.results[1].round, 2);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", kept);
	assert_int_equal(system(command), 0);

	memset(&heard, 0, sizeof(heard));
	assert_int_equal(
	    run_suite(cases, 3, (struct suite_options){.jobs = 2, .leave = true}, &heard, &totals), 0);
	assert_string_equal(find(&heard, "passes")->reason, "");
	assert_int_equal(find(&heard, "passes")->finding_count, 0);
	assert_string_equal(find(&heard, "passes")->journal, "");
	assert_int_equal(access(find(&heard, "fails")->journal, R_OK), 0);
	assert_int_equal(files_in(getenv("TMPDIR")), 1);
	(void)snprintf(command, sizeof(command), "rm -r '%s'/*", getenv("TMPDIR"));
	assert_int_equal(system(command), 0);
	assert_clean();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_unwatched),
	    cmocka_unit_test(test_still),
	    cmocka_unit_test(test_supply),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_target_that_does_not_start),
	    cmocka_unit_test(test_target_that_never_starts),
	    cmocka_unit_test(test_files),
	};
	char folder[] = "/tmp/wringer-test-suite.XXXXXX";
	int failed;

	if (argc == 2 && strcmp(argv[1], "--serve") == 0)
		serve();
	if (!mkdtemp(folder) || setenv("TMPDIR", folder, 1) < 0)
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(folder);
	return failed;
}
