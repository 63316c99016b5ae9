/* SPDX-License-Identifier: MIT */
/* An injected "no number is free" behaves like the real one: it ends for a process that gives a number back.
 */
#include "../check.h"

#include <errno.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exhausted_until_one_is_given_back),
	    cmocka_unit_test(test_another_fault_begins_anew),
	    cmocka_unit_test(test_accepted_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
