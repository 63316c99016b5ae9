/* SPDX-License-Identifier: MIT */
/* log-flood: a second of base run and a second of fault, with so many records and so many requests in each.
 */
#include "story.h"

#define FD  9
#define LOG 2

struct pace {
	unsigned records, size; /* each of so many bytes */
	unsigned requests;
	uint64_t bytes; /* answered to each */
};

struct row {
	const char *name;
	bool broken;
	struct pace base, fault;
};

static const struct row rows[] = {
    {"a megabyte", true, {10, 100, 10, 100}, {600, 2000, 50, 100}},
    {"records that nothing explains", true, {10, 100, 10, 100}, {1000, 200, 20, 100}},
    {"the same without any request", true, {0, 0, 0, 0}, {1000, 200, 0, 0}},
    {"a line for each request", false, {10, 100, 10, 100}, {1000, 200, 1000, 100}},
    {"as verbose as before", false, {1000, 1100, 10, 100}, {1000, 1100, 10, 100}},
    {"one crash report", false, {10, 100, 10, 100}, {150, 1000, 2, 100}},
    {"short records", false, {10, 100, 10, 100}, {300, 20, 2, 100}},
    {"an upload written down", false, {10, 100, 10, 100}, {40, 50000, 40, 50000}},
    {"silent", false, {0, 0, 10, 100}, {0, 0, 100, 100}},
};

static void second(struct story *s, const struct pace *pace)
{
	unsigned steps = pace->records > pace->requests ? pace->records : pace->requests;
	uint64_t began = s->now;

	for (unsigned i = 0; i < steps; i++) {
		s->now = began + NS_PER_S * 9 / 10 / steps * i;
		if (pace->requests && i % (steps / pace->requests) == 0) {
			story_read(s, FD, 50);
			story_write(s, FD, (int64_t)pace->bytes, pace->bytes);
		}
		if (pace->records && i % (steps / pace->records) == 0)
			story_write(s, LOG, pace->size, pace->size);
	}
	s->now = began + NS_PER_S;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		struct story s = story_new("log-flood");

		print_message("   %s\n", rows[n].name);
		story_conn(&s, 3, FD, EPOLLIN);
		story_mark(&s, MARK_BASE);
		second(&s, &rows[n].base);
		story_mark(&s, MARK_FAULT);
		second(&s, &rows[n].fault);
		story_mark(&s, MARK_SETTLE);
		if (rows[n].broken)
			assert_int_equal(assert_broken(&s, "log-flood")->severity, SEVERITY_WARNING);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* What goes into a pipe or to a socket is no log. */
static void test_not_logs(void **state)
{
	struct story s = story_new("log-flood");
	struct event event = story_event(&s, EV_CALL, CALL_pipe2, -1, 0);

	(void)state;
	event.arg[2] = 20;
	event.arg[3] = 21;
	story_tell(&s, event);
	story_conn(&s, 3, FD, EPOLLIN);
	story_mark(&s, MARK_FAULT);
	for (int i = 0; i < 1000; i++) {
		story_write(&s, 21, 2000, 2000);
		story_write(&s, FD, 2000, 2000);
	}
	assert_clean(&s);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_not_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
