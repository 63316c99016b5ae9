/* SPDX-License-Identifier: MIT */
/*
 * The tables held against the kernel that runs the test: every row has somebody who performs it, every state
 * and sequence comes out as predicted, and nothing stays open behind it.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "run/truth.h"
#include "run/truth_play.h"
#include "run/truth_state.h"
#include "test/check.h"

static void test_everybody_has_a_row(void **state)
{
	const struct truth_state *const states[] = {truth_states_tcp, truth_states_sockets,
						    truth_states_others};
	const struct truth_story *const stories[] = {truth_stories, truth_calls, truth_beliefs};

	(void)state;
	for (const struct mask_row *row = mask_rows; row->name; row++)
		assert_non_null(truth_state_find(row->name));
	for (size_t i = 0; i < COUNT_OF(states); i++)
		for (const struct truth_state *one = states[i]; one->name; one++)
			assert_non_null(mask_row_find(one->name));
	for (size_t i = 0; i < COUNT_OF(stories); i++)
		for (const struct truth_story *one = stories[i]; one->name; one++)
			assert_int_equal(story_row_find(one->name)->belief, stories[i] == truth_beliefs);
}

static int open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count;
}

static void test_this_kernel(void **state)
{
	int before = open_fds();
	struct truth truth;

	(void)state;
	assert_int_equal(truth_take(&truth), 0);
	for (size_t i = 0; i < truth.state_count; i++)
		if (truth.states[i].verdict == TRUTH_DIFFERS || truth.states[i].verdict == TRUTH_BROKEN)
			print_error("%s: %s\n", truth.states[i].model->name,
				    truth_verdict_name(truth.states[i].verdict));
	for (size_t i = 0; i < truth.story_count; i++)
		if (truth.stories[i].verdict == TRUTH_DIFFERS || truth.stories[i].verdict == TRUTH_BROKEN)
			print_error("%s: %s\n", truth.stories[i].model->name,
				    truth.stories[i].observed.data ? truth.stories[i].observed.data
								   : truth.stories[i].reason);
	assert_int_equal(truth.counts[TRUTH_DIFFERS], 0);
	assert_int_equal(truth.counts[TRUTH_BROKEN], 0);
	assert_int_equal(truth.counts[TRUTH_SAME] + truth.counts[TRUTH_SKIPPED],
			 truth.state_count + truth.story_count);
	truth_free(&truth);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everybody_has_a_row),
	    cmocka_unit_test(test_this_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
