/* SPDX-License-Identifier: MIT */
/* shutdown-stuck: a target is asked to stop, and how it spends the time until it is gone. */
#include <signal.h>
#include "story.h"

#define FD 9

struct row {
	const char *name;
	bool broken;
	int signo;
	bool listens;	  /* it keeps its listener */
	uint64_t timeout; /* of its last sleep */
	unsigned turns;	  /* waits that return, 1 ms apart, and lead to nothing */
	bool moves;	  /* or to something */
	uint64_t lives;	  /* ms */
	bool ends;	  /* and is gone then */
};

static const struct row rows[] = {
    {"waits for its clients", true, SIGTERM, false, STORY_FOREVER, 0, false, 3000, false},
    {"goes on as before", true, SIGTERM, true, 60 * NS_PER_S, 0, false, 3000, false},
    {"SIGINT", true, SIGINT, false, STORY_FOREVER, 0, false, 3000, false},
    {"spins", true, SIGTERM, false, NS_PER_MS, 1500, false, 1600, false},
    {"drains with a time-out", false, SIGTERM, false, 30 * NS_PER_S, 0, false, 3000, false},
    {"drains, and is gone", false, SIGTERM, false, 30 * NS_PER_S, 0, false, 3000, true},
    {"is killed at last", true, SIGTERM, false, STORY_FOREVER, 0, false, 3000, true},
    {"gone after two seconds", false, SIGTERM, false, STORY_FOREVER, 0, false, 2000, false},
    {"gone at once", false, SIGTERM, true, STORY_FOREVER, 0, false, 1, false},
    {"busy with answers", false, SIGTERM, false, NS_PER_MS, 1500, true, 1600, false},
    {"a few turns", false, SIGTERM, false, NS_PER_MS, 600, false, 1600, false},
    {"a request to read its settings again", false, SIGHUP, true, STORY_FOREVER, 0, false, 9000, false},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		const struct row *row = &rows[n];
		struct story s = story_new("shutdown-stuck");
		struct event event = story_event(&s, EV_FAULT, FAULT_SIGNAL, -1, row->signo);
		uint64_t asked;

		print_message("   %s\n", row->name);
		story_mark(&s, MARK_FAULT);
		story_conn(&s, 3, FD, EPOLLIN);
		asked = s.now;
		story_tell(&s, event);
		story_signal(&s, row->signo);
		if (!row->listens)
			story_close(&s, STORY_LISTENER);
		for (unsigned i = 0; i < row->turns; i++) {
			story_wait_none(&s, NS_PER_MS);
			if (row->moves)
				story_write(&s, FD, 100, 100);
		}
		story_sleep(&s, row->timeout);
		assert_true(s.now <= asked + row->lives * NS_PER_MS);
		s.now = asked + row->lives * NS_PER_MS;
		if (row->lives < 2500 || row->ends)
			story_exit(&s, 0);
		if (row->broken)
			assert_int_equal(assert_broken(&s, "shutdown-stuck")->severity, SEVERITY_WARNING);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
