/* SPDX-License-Identifier: MIT */
/* futile-spin: each row is a loop that answers every report of fd 9 with the same calls; broken or not. */
#include "test/rules/story.h"

#define FD 9

struct call_made {
	enum call call;
	int64_t ret;
};

struct row {
	const char *name;
	int32_t fd; /* FD or the listener */
	uint32_t armed, reported;
	struct call_made calls[2]; /* in each round; CALL_unknown: none */
	struct call_made rescue;   /* now and then … */
	unsigned every;		   /* … each so many rounds */
	unsigned rounds, us;
	const char *broken;
};

#define GONE (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)

static const struct row rows[] = {
    {"reset, read gives EAGAIN", FD, EPOLLIN, GONE, {{CALL_read, -EAGAIN}}, {0}, 0, 201, 1000, "futile-spin"},
    {"reset, 199 times", FD, EPOLLIN, GONE, {{CALL_read, -EAGAIN}}, {0}, 0, 200, 1000, NULL},
    {"199 a second for long", FD, EPOLLIN, GONE, {{CALL_read, -EAGAIN}}, {0}, 0, 1990, 5050, NULL},
    {"OUT, write gives EPIPE",
     FD,
     EPOLLOUT,
     EPOLLOUT,
     {{CALL_write, -EPIPE}},
     {0},
     0,
     300,
     100,
     "futile-spin"},
    {"OUT, write gives EAGAIN",
     FD,
     EPOLLOUT,
     EPOLLOUT,
     {{CALL_sendmsg, -EAGAIN}},
     {0},
     0,
     300,
     100,
     "futile-spin"},
    {"two calls fail",
     FD,
     EPOLLIN,
     GONE,
     {{CALL_read, -EAGAIN}, {CALL_write, -EPIPE}},
     {0},
     0,
     300,
     100,
     "futile-spin"},
    {"its error is asked for as well",
     FD,
     EPOLLIN,
     GONE,
     {{CALL_getsockopt, 0}, {CALL_read, -EAGAIN}},
     {0},
     0,
     300,
     100,
     "futile-spin"},
    {"a dripping peer",
     FD,
     EPOLLIN,
     EPOLLIN,
     {{CALL_read, 1}, {CALL_read, -EAGAIN}},
     {0},
     0,
     1000,
     100,
     NULL},
    {"a byte now and then", FD, EPOLLIN, GONE, {{CALL_read, -EAGAIN}}, {CALL_write, 1}, 150, 1000, 100, NULL},
    {"interrupted over and over", FD, EPOLLIN, EPOLLIN, {{CALL_read, -EINTR}}, {0}, 0, 1000, 100, NULL},
    {"edge: every report is news",
     FD,
     EPOLLIN | EPOLLET,
     EPOLLIN,
     {{CALL_read, -EAGAIN}},
     {0},
     0,
     1000,
     100,
     NULL},
    {"listener, accept gives EINVAL: listener-spin's",
     STORY_LISTENER,
     EPOLLIN,
     EPOLLIN | EPOLLHUP,
     {{CALL_accept4, -EINVAL}},
     {0},
     0,
     300,
     100,
     NULL},
    {"listener, the same thread gets EAGAIN",
     STORY_LISTENER,
     EPOLLIN,
     EPOLLIN,
     {{CALL_accept4, -EAGAIN}},
     {0},
     0,
     300,
     100,
     "futile-spin"},
    {"a herd: others accept",
     STORY_LISTENER,
     EPOLLIN,
     EPOLLIN,
     {{CALL_accept4, -EAGAIN}},
     {CALL_accept4, 50},
     8,
     1000,
     100,
     NULL},
};

static void play(const struct row *row)
{
	struct story s = story_new("futile-spin");

	story_conn(&s, 3, FD, 0);
	if (row->fd == FD)
		story_add(&s, FD, row->armed);
	for (unsigned i = 1; i <= row->rounds; i++) {
		story_loop(&s, 1, row->us, row->fd, row->reported);
		for (unsigned n = 0; n < 2 && row->calls[n].call; n++)
			story_asking(&s, row->calls[n].call, row->fd, row->calls[n].ret, 4096, 0);
		if (row->every && i % row->every == 0) {
			story_call(&s, row->rescue.call, row->fd, row->rescue.ret);
			if (row->rescue.call == CALL_accept4)
				story_close(&s, (int32_t)row->rescue.ret);
		}
	}
	if (row->broken)
		assert_int_equal(assert_broken(&s, row->broken)->fd, row->fd);
	else
		assert_clean(&s);
	story_free(&s);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("   %s\n", rows[i].name);
		play(&rows[i]);
	}
}

/* Two threads on one epoll and one listener, woken in turn, both late: a herd, not a spin of either. */
static void test_herd_of_threads(void **state)
{
	struct story s = story_new("futile-spin");

	(void)state;
	story_fork(&s, 102, 0x10f00);
	for (unsigned i = 0; i < 1000; i++) {
		story_as(&s, STORY_PID, i % 2 ? STORY_PID : 102);
		story_wait(&s, STORY_LISTENER, EPOLLIN);
		story_accept(&s, STORY_LISTENER, -EAGAIN, 0);
	}
	assert_clean(&s);
	story_free(&s);
}

/* One mistake, one rule: tried in vain is this one's, not tried at all the others'. */
static void test_one_rule_each(void **state)
{
	static const struct {
		uint32_t reported;
		enum call call;
		int code;
		const char *broken;
	} rounds[] = {
	    {GONE, CALL_shutdown, ENOTCONN, "futile-spin"},
	    {EPOLLIN | EPOLLERR | EPOLLHUP, CALL_sendto, EPIPE, "futile-spin"},
	    {EPOLLIN, CALL_sendto, EAGAIN, "readable-spin"},
	    {EPOLLOUT, CALL_recvfrom, EAGAIN, "writable-spin"},
	    {EPOLLIN, CALL_recvfrom, EAGAIN, "futile-spin"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rounds) / sizeof(*rounds); i++) {
		struct story s = story_new("*-spin");

		story_conn(&s, 3, FD, rounds[i].reported & (EPOLLIN | EPOLLOUT));
		for (unsigned n = 0; n < 300; n++) {
			story_loop(&s, 1, 100, FD, rounds[i].reported);
			story_asking(&s, rounds[i].call, FD, -rounds[i].code, 4096, 0);
		}
		(void)assert_broken(&s, rounds[i].broken);
		assert_int_equal(story_findings(&s), 1);
		story_free(&s);
	}
}

/* Results that wringer made up are not the server's fault; without free fds it is accept-spin's matter. */
static void test_left_to_others(void **state)
{
	struct story s = story_new("futile-spin,eof-spin,accept-spin");

	(void)state;
	story_conn(&s, 3, FD, EPOLLIN);
	for (unsigned i = 0; i < 400; i++) {
		story_wait(&s, FD, EPOLLIN);
		story_injected(&s, CALL_read, FD, -EAGAIN);
	}
	story_read(&s, FD, 0);
	for (unsigned i = 0; i < 400; i++) {
		story_wait2(&s, FD, EPOLLIN | EPOLLRDHUP, STORY_LISTENER, EPOLLIN);
		story_read(&s, FD, -EAGAIN);
		story_accept(&s, STORY_LISTENER, -EMFILE, 0);
	}
	assert_null(story_finding(&s, "futile-spin"));
	assert_non_null(story_finding(&s, "eof-spin"));
	assert_non_null(story_finding(&s, "accept-spin"));
	assert_int_equal(story_findings(&s), 2);
	story_free(&s);
}

/* poll: the same without a registration. The message says what was tried. */
static void test_poll_and_message(void **state)
{
	struct story s = story_new("*-spin");
	const struct finding *finding;

	(void)state;
	story_conn(&s, 3, FD, 0);
	story_at(&s, 100);
	for (unsigned i = 0; i < 501; i++) {
		story_poll(&s, CALL_poll, FD, EPOLLIN, EPOLLIN | EPOLLHUP);
		story_read(&s, FD, -EAGAIN);
		story_later(&s, 997);
	}
	story_close(&s, FD);
	finding = assert_broken(&s, "futile-spin");
	assert_int_equal(finding->count, 500);
	assert_int_equal(finding->peer, 3);
	assert_string_equal(
	    finding->message,
	    "fd 9 (peer c3): IN|HUP led to read = EAGAIN 500 times in 0.50 s, and nothing moved");
	story_free(&s);
}

/* One-shot and edge with a MOD each time: the target re-arms what it cannot handle. */
static void test_rearmed(void **state)
{
	static const uint32_t armed[] = {EPOLLIN | EPOLLONESHOT, EPOLLIN | EPOLLET,
					 EPOLLIN | EPOLLET | EPOLLONESHOT};

	(void)state;
	for (size_t i = 0; i < sizeof(armed) / sizeof(*armed); i++) {
		struct story s = story_new("*-spin");

		story_conn(&s, 3, FD, armed[i]);
		for (unsigned n = 0; n < 300; n++) {
			story_wait(&s, FD, EPOLLIN | EPOLLHUP);
			story_read(&s, FD, -EAGAIN);
			story_mod(&s, FD, armed[i]);
		}
		assert_broken(&s, "futile-spin");
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_one_rule_each),
	    cmocka_unit_test(test_herd_of_threads),
	    cmocka_unit_test(test_left_to_others),
	    cmocka_unit_test(test_poll_and_message),
	    cmocka_unit_test(test_rearmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
