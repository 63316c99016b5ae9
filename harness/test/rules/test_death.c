/* SPDX-License-Identifier: MIT */
/*
 * sigpipe-death, eintr-fatal, accept-error-fatal, peer-kills-server: one death, one finding, of the most
 * specific rule.
 *
 *     … what happened last ── exit
 */
#include "story.h"
#include <sched.h>
#include <signal.h>

#define EXITED(status) ((status) << 8)

#define SIGPIPED "sigpipe-death"
#define EINTRED	 "eintr-fatal"
#define ACCEPTED "accept-error-fatal"
#define KILLED	 "peer-kills-server"

static void nothing(struct story *s)
{
	(void)s;
}

static void reset_read(struct story *s)
{
	story_peer(s, 3, PEER_RST);
	story_wait(s, 9, EPOLLIN | EPOLLERR | EPOLLHUP);
	story_read(s, 9, -ECONNRESET);
}

static void epipe(struct story *s)
{
	story_peer(s, 3, PEER_RST);
	story_write(s, 9, -EPIPE, 100);
}

static void interrupted(struct story *s)
{
	story_sleep(s, STORY_FOREVER);
	story_injected(s, CALL_epoll_wait, STORY_EPOLL, -EINTR);
}

/* It logs and closes, then exits. */
static void interrupted_says_so(struct story *s)
{
	interrupted(s);
	story_call(s, CALL_write, 2, 40);
	story_close(s, STORY_LISTENER);
}

static void interrupted_goes_on(struct story *s)
{
	interrupted(s);
	story_wait(s, 9, EPOLLIN);
	story_read(s, 9, -ECONNRESET);
}

static void restarted(struct story *s)
{
	struct event event = story_event(s, EV_CALL, CALL_accept4, STORY_LISTENER, -EINTR);

	event.flags = EVF_RESTART;
	story_tell(s, event);
}

static void long_ago(struct story *s)
{
	interrupted(s);
	story_later(s, 1500000);
}

static void aborted(struct story *s)
{
	story_injected(s, CALL_accept4, STORY_LISTENER, -ECONNABORTED);
}

static void no_fds(struct story *s)
{
	story_accept(s, STORY_LISTENER, -EMFILE, 0);
}

static void no_fds_goes_on(struct story *s)
{
	no_fds(s);
	story_wait_none(s, 0);
}

static void accept_empty(struct story *s)
{
	story_accept(s, STORY_LISTENER, -EAGAIN, 0);
}

/* It ends in order: what the other threads do is waited for. */
static void no_fds_joins(struct story *s)
{
	no_fds(s);
	story_later(s, 2200000);
}

static void asked(struct story *s)
{
	story_mark(s, MARK_STOP);
}

static void terminated(struct story *s)
{
	story_fault(s, FAULT_SIGNAL, 0, SIGTERM, NULL);
	interrupted(s);
}

static void told(struct story *s)
{
	story_signal(s, SIGTERM);
	interrupted(s);
}

static void another_serves(struct story *s)
{
	story_fork(s, 101, 0);
	story_as(s, 101, 101);
	story_accept(s, STORY_LISTENER, -EAGAIN, 0);
	story_as(s, 100, 100);
}

static void in_child(struct story *s)
{
	story_fork(s, 101, 0);
	story_as(s, 101, 101);
	story_read(s, 9, 10);
	story_write(s, 9, -EPIPE, 100);
}

static void in_worker(struct story *s)
{
	story_fork(s, 101, 0);
	story_as(s, 101, 101);
	story_accept(s, STORY_LISTENER, -EAGAIN, 0);
	story_write(s, 9, -EPIPE, 100);
}

static void ended(struct story *s)
{
	story_wait(s, 9, EPOLLIN);
	story_read(s, 9, 0);
	story_close(s, 9);
}

static void ended_goes_on(struct story *s)
{
	ended(s);
	story_wait_none(s, 0);
}

/* A thread serves the connection and ends; what the process ends with later is its own affair. */
static void ended_in_a_thread(struct story *s)
{
	struct event event;

	story_fork(s, 102, CLONE_VM | CLONE_FILES | CLONE_THREAD);
	story_as(s, 100, 102);
	story_read(s, 9, 0);
	event = story_event(s, EV_PROC, PROC_EXIT, -1, 0);
	story_tell(s, event);
	story_as(s, 100, 100);
}

/* A test in one process: it is the client of its own server, and fails. */
static void asked_itself(struct story *s)
{
	struct sockaddr_in address = story_address(STORY_PORT);
	struct event event = story_event(s, EV_CALL, CALL_connect, 11, 0);

	event.data = &address;
	event.size = sizeof(address);
	story_tell(s, event);
	ended(s);
}

/* The first process becomes a test suite; a child serves, meets an error, and is killed by somebody. */
static void a_suite(struct story *s)
{
	story_tell(s, story_event(s, EV_PROC, PROC_EXEC, -1, 0));
	story_fork(s, 101, 0);
	story_as(s, 101, 101);
	story_accept(s, STORY_LISTENER, 9, 50001);
	story_read(s, 9, -ECONNRESET);
	story_signal(s, SIGKILL);
	story_exit(s, SIGKILL);
	story_as(s, 100, 100);
	story_wait_none(s, 0);
}

struct death {
	const char *name;
	const char *broken; /* NULL: none */
	void (*last)(struct story *s);
	int status;
	bool watched; /* no scenario of ours */
	bool early;   /* before it was ready */
};

static const struct death deaths[] = {
    {.name = "SIGPIPE", .broken = SIGPIPED, .last = epipe, .status = SIGPIPE},
    {.name = "SIGPIPE, under a watch", .broken = SIGPIPED, .last = epipe, .status = SIGPIPE, .watched = true},
    {.name = "SIGPIPE beats EINTR", .broken = SIGPIPED, .last = interrupted, .status = SIGPIPE},
    {.name = "EINTR", .broken = EINTRED, .last = interrupted, .status = EXITED(1)},
    {.name = "EINTR, exits with 0", .broken = EINTRED, .last = interrupted, .status = EXITED(0)},
    {.name = "EINTR, aborts", .broken = EINTRED, .last = interrupted, .status = SIGABRT},
    {.name = "EINTR, says so", .broken = EINTRED, .last = interrupted_says_so, .status = EXITED(1)},
    {.name = "EINTR, under a watch",
     .broken = EINTRED,
     .last = interrupted,
     .status = EXITED(1),
     .watched = true},
    {.name = "accept aborted", .broken = ACCEPTED, .last = aborted, .status = EXITED(1)},
    {.name = "accept without fds", .broken = ACCEPTED, .last = no_fds, .status = EXITED(71)},
    {.name = "accept without fds, ends in order",
     .broken = ACCEPTED,
     .last = no_fds_joins,
     .status = EXITED(255)},
    {.name = "accept without fds, crashes much later",
     .broken = KILLED,
     .last = no_fds_joins,
     .status = SIGSEGV},
    {.name = "accept without fds, fails much later under a watch",
     .broken = NULL,
     .last = no_fds_joins,
     .status = EXITED(1),
     .watched = true},
    {.name = "a reset", .broken = KILLED, .last = reset_read, .status = EXITED(1)},
    {.name = "a reset, crashes", .broken = KILLED, .last = reset_read, .status = SIGSEGV},
    {.name = "a reset, exits with 0", .broken = KILLED, .last = reset_read, .status = EXITED(0)},
    {.name = "a reset, under a watch",
     .broken = KILLED,
     .last = reset_read,
     .status = EXITED(1),
     .watched = true},
    {.name = "EINTR, but it went on", .broken = KILLED, .last = interrupted_goes_on, .status = EXITED(1)},
    {.name = "EINTR that the kernel restarts", .broken = KILLED, .last = restarted, .status = EXITED(1)},
    {.name = "EINTR long ago", .broken = KILLED, .last = long_ago, .status = EXITED(1)},
    {.name = "EMFILE, but it went on", .broken = KILLED, .last = no_fds_goes_on, .status = EXITED(1)},
    {.name = "EAGAIN is no error", .broken = KILLED, .last = accept_empty, .status = EXITED(1)},
    {.name = "a worker", .broken = KILLED, .last = in_worker, .status = SIGSEGV},
    {.name = "a worker by SIGPIPE", .broken = SIGPIPED, .last = in_worker, .status = SIGPIPE},
    {.name = "asked to stop", .broken = NULL, .last = asked, .status = EXITED(0)},
    {.name = "asked to stop, ends badly", .broken = NULL, .last = asked, .status = SIGSEGV},
    {.name = "our SIGTERM", .broken = NULL, .last = terminated, .status = EXITED(0)},
    {.name = "our SIGTERM, taken", .broken = NULL, .last = terminated, .status = SIGTERM},
    {.name = "somebody's SIGTERM", .broken = NULL, .last = told, .status = EXITED(1)},
    {.name = "somebody's SIGKILL", .broken = NULL, .last = reset_read, .status = SIGKILL},
    {.name = "watched, ends with 0",
     .broken = NULL,
     .last = reset_read,
     .status = EXITED(0),
     .watched = true},
    {.name = "watched, ends for no reason",
     .broken = NULL,
     .last = nothing,
     .status = EXITED(1),
     .watched = true},
    {.name = "an end, under a watch", .broken = KILLED, .last = ended, .status = EXITED(1), .watched = true},
    {.name = "watched, went on after an end",
     .broken = NULL,
     .last = ended_goes_on,
     .status = EXITED(1),
     .watched = true},
    {.name = "watched, went on and crashed",
     .broken = KILLED,
     .last = ended_goes_on,
     .status = SIGABRT,
     .watched = true},
    {.name = "watched, a thread ended before",
     .broken = NULL,
     .last = ended_in_a_thread,
     .status = EXITED(1),
     .watched = true},
    {.name = "a test of itself fails",
     .broken = NULL,
     .last = asked_itself,
     .status = EXITED(1),
     .watched = true},
    {.name = "a suite fails", .broken = NULL, .last = a_suite, .status = EXITED(2), .watched = true},
    {.name = "a suite, by SIGPIPE", .broken = NULL, .last = a_suite, .status = SIGPIPE, .watched = true},
    {.name = "the parent of a daemon", .broken = NULL, .last = another_serves, .status = EXITED(0)},
    {.name = "a child for one connection", .broken = NULL, .last = in_child, .status = SIGPIPE},
    {.name = "a child for one connection, fails", .broken = NULL, .last = in_child, .status = EXITED(1)},
    {.name = "a worker retires", .broken = NULL, .last = in_worker, .status = EXITED(0)},
    {.name = "never ready", .broken = NULL, .last = nothing, .status = EXITED(1), .early = true},
};

static void live(struct story *s, const struct death *death)
{
	if (death->early) {
		story_tell(s, story_event(s, EV_PROC, PROC_START, -1, 0));
		return;
	}
	story_ready(s);
	if (!death->watched)
		story_mark(s, MARK_FAULT);
	story_conn(s, 3, 9, EPOLLIN);
	story_wait(s, 9, EPOLLIN);
	story_read(s, 9, 10);
}

static void test_deaths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(deaths) / sizeof(*deaths); i++) {
		struct story s = story_judged(NULL, 1);

		print_message("  %s\n", deaths[i].name);
		live(&s, &deaths[i]);
		deaths[i].last(&s);
		story_exit(&s, deaths[i].status);
		if (deaths[i].broken)
			assert_int_equal(assert_broken(&s, deaths[i].broken)->pid, s.pid);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* The message names the end and what came before it. */
static void test_message(void **state)
{
	struct story s = story_new(NULL);
	const struct finding *finding;

	(void)state;
	story_mark(&s, MARK_FAULT);
	aborted(&s);
	story_later(&s, 300000);
	story_exit(&s, EXITED(1));
	finding = assert_broken(&s, ACCEPTED);
	assert_string_equal(finding->message,
			    "process 100 exited with status 1, 0.300 s after accept4(4) was made to "
			    "fail with ECONNABORTED");
	story_free(&s);
}

/* The workers retire at accept's error, then the supervisor gives up; not so where an accept succeeded in
 * between. */
static void supervisor(bool accepted, const char *rule, const char *after)
{
	struct story s = story_new(NULL);
	const struct finding *finding;

	story_mark(&s, MARK_FAULT);
	story_fork(&s, 101, 0);
	story_as(&s, 101, 101);
	aborted(&s);
	story_wait_none(&s, 0);
	if (accepted)
		(void)story_accept(&s, STORY_LISTENER, 9, 3);
	story_exit(&s, EXITED(0));
	story_as(&s, 100, 100);
	story_later(&s, 3000000);
	story_exit(&s, EXITED(0));
	finding = assert_broken(&s, rule);
	assert_non_null(strstr(finding->message, after));
	story_free(&s);
}

static void test_supervisor(void **state)
{
	(void)state;
	supervisor(false, ACCEPTED,
		   "3.000 s after accept4(4) was made to fail with ECONNABORTED in process 101; nobody has "
		   "accepted since");
	supervisor(true, KILLED, "exited with status 0");
}

/* A wake-up for nothing was the last thing before: not the end of another connection, long read. */
static void test_spurious(void **state)
{
	struct story s = story_new(NULL);
	const struct finding *finding;

	(void)state;
	story_mark(&s, MARK_FAULT);
	story_conn(&s, 3, 9, EPOLLIN);
	story_read(&s, 9, 0);
	story_injected(&s, CALL_accept4, STORY_LISTENER, -EAGAIN);
	story_later(&s, 1000);
	story_exit(&s, EXITED(1));
	finding = assert_broken(&s, KILLED);
	assert_string_equal(finding->message,
			    "process 100 exited with status 1, 0.001 s after accept4(4) was made to fail "
			    "with EAGAIN");
	story_free(&s);
}

/* A wrapper that ends because the server did is no second death. */
static void test_wrapper(void **state)
{
	struct story s = story_new(NULL);

	(void)state;
	story_mark(&s, MARK_FAULT);
	story_conn(&s, 3, 9, EPOLLIN);
	in_worker(&s);
	story_exit(&s, SIGPIPE);
	story_as(&s, 100, 100);
	story_later(&s, 100000);
	story_exit(&s, EXITED(141));
	assert_int_equal(assert_broken(&s, SIGPIPED)->pid, 101);
	story_free(&s);
}

/* The process lives on, its loop is left: nobody waits, nobody is served. */
static void left(const char *letter, bool waits_again, bool served, bool broken)
{
	struct story s = story_new(EINTRED);

	story_mark(&s, MARK_FAULT);
	story_wait_none(&s, 0);
	story_wait_none(&s, 0);
	interrupted(&s);
	if (waits_again)
		story_sleep(&s, STORY_FOREVER);
	story_canary(&s, 1, PEER_CONNECT, 0, 0);
	story_canary(&s, 1, PEER_REQUEST, 1, 0);
	if (served)
		story_canary(&s, 1, PEER_ANSWER, 1, NS_PER_MS);
	story_later(&s, 2500000);
	story_mark(&s, MARK_QUIET);
	story_probe(&s, PROBE_THREAD, -1, (uint64_t)letter[0], CALL_unknown, 0, 0);
	story_mark(&s, MARK_RECOVERY);
	if (broken)
		(void)assert_broken(&s, EINTRED);
	else
		assert_clean(&s);
	story_free(&s);
}

static void test_loop_left(void **state)
{
	(void)state;
	left("S", false, false, true);
	left("R", false, false, false);
	left("S", true, false, false);
	left("S", false, true, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_deaths),     cmocka_unit_test(test_message),
	    cmocka_unit_test(test_supervisor), cmocka_unit_test(test_spurious),
	    cmocka_unit_test(test_wrapper),    cmocka_unit_test(test_loop_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
