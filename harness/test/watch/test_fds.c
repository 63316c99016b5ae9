/* SPDX-License-Identifier: MIT */
/* An injected "no number is free" behaves like the real one: it ends for a process that gives a number back.
 */
#include "../check.h"

#include <errno.h>
#include <netinet/in.h>
#include "watch/fds.h"

static void follow(struct fds *fds, enum call call, int32_t fd, int64_t ret)
{
	struct event event = event_make(EV_CALL, call);

	event.fd = fd;
	event.ret = ret;
	fds_follow(fds, &event);
}

static void test_exhausted_until_one_is_given_back(void **state)
{
	struct fds *fds = fds_new();

	(void)state;
	assert_non_null(fds);
	follow(fds, CALL_close, 7, 0); /* before the fault: of no account */
	assert_true(fds_exhausted(fds, 1));
	assert_true(fds_exhausted(fds, 1));
	follow(fds, CALL_close, 3, 0); /* the reserve */
	assert_false(fds_exhausted(fds, 1));
	follow(fds, CALL_accept4, 4, 3); /* takes its number */
	assert_true(fds_exhausted(fds, 1));
	follow(fds, CALL_openat, -1, 8); /* a log file, opened and closed: nothing gained */
	follow(fds, CALL_close, 8, 0);
	assert_true(fds_exhausted(fds, 1));
	fds_free(fds);
}

static void test_another_fault_begins_anew(void **state)
{
	struct fds *fds = fds_new();

	(void)state;
	assert_non_null(fds);
	assert_true(fds_exhausted(fds, 1));
	follow(fds, CALL_close, 3, 0);
	assert_true(fds_exhausted(fds, 2));
	follow(fds, CALL_close, 4, -EBADF); /* closed nothing */
	assert_true(fds_exhausted(fds, 2));
	fds_free(fds);
}

static void test_accepted_numbers(void **state)
{
	struct fds *fds = fds_new();

	(void)state;
	assert_non_null(fds);
	follow(fds, CALL_accept, 4, 300);
	assert_true(fds_accepted(fds, 300));
	follow(fds, CALL_dup, 300, 5);
	assert_true(fds_accepted(fds, 5));
	follow(fds, CALL_close, 300, 0);
	follow(fds, CALL_openat, -1, 300);
	assert_false(fds_accepted(fds, 300));
	fds_free(fds);
}

static void test_whose_number_it_is(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(4711)};
	struct sockaddr_in6 wide = {.sin6_family = AF_INET6, .sin6_port = htons(4712)};
	struct event event = event_make(EV_CALL, CALL_accept4);
	struct fds *fds = fds_new(), *copy;

	(void)state;
	assert_non_null(fds);
	event.ret = 9;
	event.data = &address;
	event.size = sizeof address;
	fds_follow(fds, &event);
	event.ret = 70;
	event.data = &wide;
	event.size = sizeof wide;
	fds_follow(fds, &event);
	assert_int_equal(fds_peer(fds, 9), 4711);
	assert_int_equal(fds_peer(fds, 70), 4712);
	follow(fds, CALL_dup, 9, 10);
	follow(fds, CALL_accept, 4, 11); /* from whom was not seen */
	copy = fds_inherit(fds, false);
	follow(fds, CALL_close, 9, 0);
	assert_int_equal(fds_peer(fds, 9), 0);
	assert_int_equal(fds_peer(fds, 10), 4711);
	assert_true(fds_accepted(fds, 11));
	assert_int_equal(fds_peer(fds, 11), 0);
	assert_int_equal(fds_peer(copy, 9), 4711);
	assert_int_equal(fds_peer(copy, -1), 0);
	fds_free(fds);
	fds_free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exhausted_until_one_is_given_back),
	    cmocka_unit_test(test_another_fault_begins_anew),
	    cmocka_unit_test(test_accepted_numbers),
	    cmocka_unit_test(test_whose_number_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
