/* SPDX-License-Identifier: MIT */
/* fd-growth: the numbers of open fds after each round, and whether they grow with the peers. */
#include "story.h"

struct rounds {
	const char *name;
	bool broken;
	uint64_t peers;
	uint64_t quiet; /* fds once quiet, 0 not asked */
	unsigned count;
	uint64_t fds[8];
};

static const struct rounds all[] = {
    {"one fd a peer", true, 4, 0, 4, {10, 14, 18, 22}},
    {"every second peer", true, 4, 0, 5, {10, 12, 14, 16, 18}},
    {"still there once quiet", true, 4, 22, 4, {10, 14, 18, 22}},
    {"gone once quiet", false, 4, 10, 4, {10, 14, 18, 22}},
    {"flat", false, 4, 0, 5, {10, 10, 10, 10, 10}},
    {"a pool fills in the first round", false, 4, 0, 5, {10, 42, 42, 42, 42}},
    {"a cache fills slowly", false, 8, 0, 5, {10, 11, 12, 13, 14}},
    {"up and down", false, 4, 0, 6, {10, 14, 18, 14, 18, 22}},
    {"too few rounds", false, 4, 0, 3, {10, 14, 18}},
    {"no peers", false, 0, 0, 4, {10, 14, 18, 22}},
};

static void test_rounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct story s = story_new(NULL);

		print_message("  %s\n", all[i].name);
		story_mark(&s, MARK_FAULT);
		for (unsigned round = 0; round < all[i].count; round++)
			story_mark_args(&s, MARK_SAMPLE, round, all[i].peers, all[i].fds[round]);
		story_mark(&s, MARK_QUIET);
		if (all[i].quiet)
			story_probe(&s, PROBE_PROCESS, -1, all[i].quiet, 0, 0, 1024);
		story_mark(&s, MARK_RECOVERY);
		if (all[i].broken)
			(void)assert_broken(&s, "fd-growth");
		else
			assert_clean(&s);
		story_free(&s);
	}
}

static void test_message(void **state)
{
	struct story s = story_new(NULL);

	(void)state;
	for (unsigned round = 0; round < all[0].count; round++)
		story_mark_args(&s, MARK_SAMPLE, round, all[0].peers, all[0].fds[round]);
	assert_string_equal(
	    assert_broken(&s, "fd-growth")->message,
	    "open fds rose from 14 to 22 over 3 identical rounds of 12 peers in all: 1.00 fds a peer");
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rounds),
	    cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
