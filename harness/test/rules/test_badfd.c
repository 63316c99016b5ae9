/* SPDX-License-Identifier: MIT */
/*
 * bad-fd.
 *
 *     accept4 = 9 ── close(9) ── … ── close(9) = EBADF
 */
#include "story.h"
#include <fcntl.h>
#include <sched.h>

#define BAD "bad-fd"

static struct story begin(void)
{
	struct story s = story_new(BAD);

	story_conn(&s, 3, 9, EPOLLIN);
	story_conn(&s, 4, 10, EPOLLIN);
	return s;
}

static void end(struct story *s, bool broken, enum severity severity)
{
	story_wait_none(s, STORY_FOREVER);
	if (broken)
		assert_int_equal(assert_broken(s, BAD)->severity, severity);
	else
		assert_clean(s);
	story_free(s);
}

static void test_second_use(void **state)
{
	static const enum call uses[] = {CALL_close,  CALL_read,     CALL_sendto,
					 CALL_writev, CALL_shutdown, CALL_recvmsg};
	struct story s;

	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		s = begin();
		story_close(&s, 9);
		story_call(&s, uses[i], 9, -EBADF);
		end(&s, true, SEVERITY_WARNING);
	}
	s = begin();
	story_close(&s, 9);
	story_ctl(&s, EPOLL_CTL_DEL, 9, 0, -EBADF);
	end(&s, true, SEVERITY_WARNING);
}

/* The number belongs to somebody else by now, who is not in the set. */
static void test_late_del(void **state)
{
	struct story s = begin();

	(void)state;
	story_close(&s, 9);
	story_accept(&s, STORY_LISTENER, 9, 0);
	story_ctl(&s, EPOLL_CTL_DEL, 9, 0, -ENOENT);
	end(&s, true, SEVERITY_WARNING);

	s = begin(); /* in order, and once more */
	story_del(&s, 9);
	story_ctl(&s, EPOLL_CTL_DEL, 9, 0, -ENOENT);
	end(&s, false, 0);

	s = begin();
	story_del(&s, 9);
	story_close(&s, 9);
	story_accept(&s, STORY_LISTENER, 9, 0);
	story_ctl(&s, EPOLL_CTL_DEL, 9, 0, -ENOENT);
	end(&s, false, 0);
}

/* Thread 101 closes twice, and the second time what thread 100 was given in between. */
static void threads(bool handled, bool broken)
{
	struct story s = begin();

	story_fork(&s, 101, CLONE_FILES | CLONE_THREAD);
	story_as(&s, 100, 101);
	story_close(&s, 9);
	story_as(&s, 100, 100);
	story_accept(&s, STORY_LISTENER, 9, 0);
	story_as(&s, 100, 101);
	if (handled)
		story_read(&s, 9, 10);
	story_close(&s, 9);
	story_as(&s, 100, 100);
	if (broken)
		story_read(&s, 9, -EBADF);
	end(&s, broken, handled ? SEVERITY_WARNING : SEVERITY_ERROR);
}

static void test_threads(void **state)
{
	(void)state;
	threads(false, true);
	threads(true, true);
	threads(true, false);
}

/* A run of neighbours is a loop when one of them is unknown; else it is so many double closes. */
static void loop(int32_t first, int32_t last, int step, size_t findings)
{
	struct story s = begin();

	story_close(&s, 9);
	story_close(&s, 10);
	story_read(&s, STORY_LISTENER, -EAGAIN);
	for (int32_t fd = first; fd != last; fd += step)
		story_call(&s, CALL_close, fd, -EBADF);
	story_wait_none(&s, STORY_FOREVER);
	assert_int_equal(story_findings(&s), findings);
	story_free(&s);
}

static void test_loops(void **state)
{
	(void)state;
	loop(6, 64, 1, 0);
	loop(64, 5, -1, 0);
	loop(9, 11, 1, 2);
}

static void test_innocent(void **state)
{
	struct story s = begin();
	struct event event;

	(void)state;
	story_call(&s, CALL_close, 77, -EBADF); /* from before the trace, or never open */
	story_close(&s, 2);
	story_call(&s, CALL_write, 2, -EBADF);
	story_close(&s, 9);
	story_injected(&s, CALL_close, 9, -EBADF);
	event = story_event(&s, EV_CALL, CALL_fcntl, 9, -EBADF);
	event.arg[0] = F_GETFD;
	story_tell(&s, event);
	end(&s, false, 0);

	s = begin(); /* another program */
	story_close(&s, 9);
	story_tell(&s, story_event(&s, EV_PROC, PROC_EXEC, -1, 0));
	story_call(&s, CALL_close, 9, -EBADF);
	end(&s, false, 0);

	s = begin(); /* closed in the parent before */
	story_close(&s, 9);
	story_fork(&s, 101, 0);
	story_as(&s, 101, 101);
	story_call(&s, CALL_close, 9, -EBADF);
	end(&s, false, 0);

	s = begin();
	story_close(&s, 9);
	story_mark(&s, MARK_STOP);
	story_call(&s, CALL_close, 9, -EBADF);
	end(&s, false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_second_use), cmocka_unit_test(test_late_del),
	    cmocka_unit_test(test_threads),    cmocka_unit_test(test_loops),
	    cmocka_unit_test(test_innocent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
