/* SPDX-License-Identifier: MIT */
/*
 * busy-poll. Each row is a case: one second of base run, a fault, one second of settling. In both seconds a
 * canary is served every 10 ms; between its requests the loop waits so often, and for nothing.
 */
#include "test/rules/story.h"

#define FD 9

struct pace {
	unsigned waits; /* a second that lead to nothing */
	uint64_t timeout;
	unsigned served; /* a second */
	unsigned cpu;	 /* percent of a core */
};

struct row {
	const char *name;
	struct pace base, after;
	bool spin;	  /* hup-spin was found on the way */
	const char *says; /* part of the message, NULL: not broken */
};

static const struct row rows[] = {
    {"sleeps", {10, NS_PER_MS, 100, 1}, {10, NS_PER_MS, 100, 1}, false, NULL},
    {"5500 idle waits", {10, 1000, 100, 1}, {5500, 1000, 100, 1}, false, "waits a second led to nothing"},
    {"4900 idle waits", {10, 1000, 100, 1}, {4900, 1000, 100, 1}, false, NULL},
    {"polls by design", {20000, 1000, 100, 1}, {20000, 1000, 100, 1}, false, NULL},
    {"polls by design, faster now", {6000, 1000, 100, 1}, {12000, 1000, 100, 1}, false, "before the fault"},
    {"timeouts of 0", {10, NS_PER_MS, 100, 1}, {1500, 0, 100, 1}, false, "timeout of 0"},
    {"timeouts of 0 by design", {1500, 0, 100, 1}, {1500, 0, 100, 1}, false, NULL},
    {"much traffic, few idle waits", {10, 1000, 100, 1}, {10, 1000, 9000, 90}, false, NULL},
    {"burns CPU in silence", {10, 1000, 100, 5}, {10, 1000, 100, 95}, false, "of a core"},
    {"burns CPU as before", {10, 1000, 100, 95}, {10, 1000, 100, 95}, false, NULL},
    {"burns a little", {10, 1000, 100, 5}, {10, 1000, 100, 45}, false, NULL},
    {"a spin explains it", {10, 1000, 100, 1}, {9000, 1000, 100, 95}, true, NULL},
};

/* Serves and idles for a second in `served + waits` turns. */
static void second(struct story *s, const struct pace *pace, uint64_t *cpu)
{
	uint64_t began = s->now;
	unsigned turns = pace->served + pace->waits;

	story_probe(s, PROBE_PROCESS, -1, 10, *cpu, 1 << 20, 1024);
	for (unsigned i = 0; i < turns; i++) {
		if (pace->served && i % (turns / pace->served) == 0) {
			story_wait(s, FD, EPOLLIN);
			story_read(s, FD, 20);
			story_write(s, FD, 30, 30);
		} else {
			story_wait_none(s, pace->timeout);
		}
		if (s->now < began + NS_PER_S / turns * (i + 1))
			s->now = began + NS_PER_S / turns * (i + 1);
	}
	*cpu += pace->cpu * (NS_PER_S / 100);
	story_probe(s, PROBE_PROCESS, -1, 10, *cpu, 1 << 20, 1024);
}

static void play(const struct row *row)
{
	struct story s = story_new(row->spin ? NULL : "busy-poll");
	uint64_t cpu = 0;

	story_conn(&s, 3, FD, EPOLLIN);
	story_mark(&s, MARK_BASE);
	second(&s, &row->base, &cpu);
	story_mark(&s, MARK_FAULT);
	if (row->spin) {
		story_peer(&s, 4, PEER_CONNECT);
		story_accept(&s, STORY_LISTENER, 10, story_port(4));
		story_add(&s, 10, EPOLLIN);
		story_loop(&s, 300, 100, 10, EPOLLIN | EPOLLHUP);
	}
	story_mark(&s, MARK_SETTLE);
	second(&s, &row->after, &cpu);
	story_mark(&s, MARK_STOP);
	if (row->says) {
		const struct finding *finding = assert_broken(&s, "busy-poll");

		assert_int_equal(finding->severity, SEVERITY_WARNING);
		if (!strstr(finding->message, row->says))
			fail_msg("%s", finding->message);
	} else {
		assert_null(story_finding(&s, "busy-poll"));
	}
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

/* A settling time of 50 ms is too short for a rate. */
static void test_short_stretch(void **state)
{
	struct story s = story_new("busy-poll");

	(void)state;
	story_mark(&s, MARK_BASE);
	story_later(&s, 1000000);
	story_mark(&s, MARK_FAULT);
	story_mark(&s, MARK_SETTLE);
	for (unsigned i = 0; i < 2000; i++) {
		story_wait_none(&s, 0);
		story_later(&s, 23);
	}
	assert_clean(&s);
	story_free(&s);
}

/* Polling with 0 only while a peer stalls: 1000 a second for a fifth of one; a dozen before each sleep is no
 * poll. */
static void test_during_the_fault(void **state)
{
	static const struct {
		unsigned in_a_row, waits;
		uint64_t base_timeout;
		unsigned turn; /* something is sent behind so many; 0: never */
		bool broken;
	} cases[] = {
	    {1000, 400, NS_PER_MS, 0, true},  {1000, 190, NS_PER_MS, 0, false},
	    {12, 2000, NS_PER_MS, 0, false},  {1000, 400, 0, 0, false},
	    {1000, 900, NS_PER_MS, 3, false}, {1000, 900, NS_PER_MS, 100, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct story s = story_new("busy-poll");
		const struct pace base = {1500, cases[i].base_timeout, 100, 1};
		uint64_t cpu = 0;

		story_conn(&s, 3, FD, EPOLLIN);
		story_mark(&s, MARK_BASE);
		second(&s, &base, &cpu);
		story_mark(&s, MARK_FAULT);
		for (unsigned n = 1; n <= cases[i].waits; n++) {
			story_wait_none(&s, n % cases[i].in_a_row ? 0 : 20 * NS_PER_MS);
			story_later(&s, n % cases[i].in_a_row ? 100 : 20000);
			if (cases[i].turn && n % cases[i].turn == 0)
				story_write(&s, FD, 184, 184);
		}
		story_mark(&s, MARK_SETTLE);
		story_later(&s, 1000000);
		story_mark(&s, MARK_STOP);
		if (cases[i].broken)
			assert_non_null(strstr(assert_broken(&s, "busy-poll")->message, "while the fault"));
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* No base run (wringer watch): a second without any move in which the loop turns. */
static void test_without_marks(void **state)
{
	static const struct {
		bool served;
		unsigned waits;
		bool broken;
	} cases[] = {{false, 12000, true}, {true, 12000, false}, {false, 2000, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct story s = story_new("busy-poll");

		story_conn(&s, 3, FD, EPOLLIN);
		for (unsigned n = 0; n < cases[i].waits; n++) {
			story_wait_none(&s, 0);
			story_later(&s, 98);
			if (cases[i].served && n % 1000 == 0)
				story_read(&s, FD, 10);
		}
		if (cases[i].broken)
			assert_broken(&s, "busy-poll");
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_short_stretch),
	    cmocka_unit_test(test_during_the_fault),
	    cmocka_unit_test(test_without_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
