/* SPDX-License-Identifier: MIT */
/* unbounded-buffer: resident memory before a peer stalls, while it does, and where the numbers come from. */
#include "story.h"

#define FD  9
#define MIB (1 << 20)

struct row {
	const char *name;
	int severity;		/* -1: not broken */
	uint64_t calm, stalled; /* MiB, in the scenario; calm 0: not probed */
	bool stalls, resumes;	/* the peer stops reading, reads again before the probe */
	bool settle;		/* the second probe is made when the scenario is over */
};

static const struct row rows[] = {
    {"12 MiB more", SEVERITY_WARNING, 2, 14, true, false, false},
    {"100 MiB more", SEVERITY_ERROR, 2, 102, true, false, false},
    {"3 MiB more", -1, 2, 5, true, false, false},
    {"less", -1, 20, 5, true, false, false},
    {"it reads", -1, 2, 14, false, false, false},
    {"it reads again", -1, 2, 14, true, true, false},
    {"not known before", -1, 0, 14, true, false, false},
    {"after the scenario", -1, 2, 14, true, false, true},
};

static void probe(struct story *s, uint64_t mib)
{
	story_probe(s, PROBE_PROCESS, -1, 10, 0, mib * MIB, 1024);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		const struct row *row = &rows[n];
		struct story s = story_new("unbounded-buffer");

		print_message("   %s\n", row->name);
		story_mark(&s, MARK_BASE);
		probe(&s, 1);
		story_mark(&s, MARK_FAULT);
		if (row->calm)
			probe(&s, row->calm);
		story_conn(&s, 3, FD, EPOLLIN);
		if (row->stalls)
			story_peer_args(&s, 3, PEER_STALL, 0, 1, 0, 0);
		if (row->resumes)
			story_peer_args(&s, 3, PEER_STALL, 0, 0, 0, 0);
		if (row->settle)
			story_mark(&s, MARK_SETTLE);
		probe(&s, row->stalled);
		if (row->severity >= 0)
			assert_int_equal(assert_broken(&s, "unbounded-buffer")->severity, row->severity);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* Two processes: the sum counts, and one that has ended does not. */
static void test_processes(void **state)
{
	struct story s = story_new("unbounded-buffer");

	(void)state;
	story_fork(&s, 300, 0);
	story_mark(&s, MARK_FAULT);
	probe(&s, 2);
	story_as(&s, 300, 300);
	probe(&s, 30);
	story_exit(&s, 0);
	story_as(&s, STORY_PID, STORY_PID);
	probe(&s, 2);
	story_conn(&s, 3, FD, EPOLLIN);
	story_peer_args(&s, 3, PEER_STALL, 0, 1, 0, 0);
	probe(&s, 12);
	assert_non_null(
	    strstr(assert_broken(&s, "unbounded-buffer")->message, "grew by 10.0 MiB (from 2.0)"));
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
