/* SPDX-License-Identifier: MIT */
/* The tables of masks and sequences as data: complete, without contradictions; and what each way of asking
 * makes of a row. */
#include <string.h>
#include <sys/epoll.h>
#include "model/mask.h"
#include "model/story.h"
#include "test/check.h"

static void test_rows_are_whole(void **state)
{
	const uint32_t known = mask_interest | EPOLLERR | EPOLLHUP;

	(void)state;
	for (const struct mask_row *row = mask_rows; row->name; row++) {
		assert_ptr_equal(mask_row_find(row->name), row); /* so names are unique */
		assert_true(*row->state && *row->source);
		assert_int_equal((row->must | row->may | row->after) & ~known, 0);
		assert_int_equal(row->must & row->may, 0);
		/* an error that can be asked for is told of, and asking takes ERR away; or it stands in the
		 * queue of errors, where it stays */
		assert_true(row->so_error <= 0 || row->must & EPOLLERR);
		assert_int_equal(row->after & ~row->must, 0);
		if (row->so_error != MASK_NO_SOCKET && row->must & EPOLLERR)
			assert_true(row->so_error > 0 || row->after & EPOLLERR);
	}
	for (const struct story_row *row = story_rows; row->name; row++) {
		assert_ptr_equal(story_row_find(row->name), row);
		assert_true(*row->says && *row->expect && *row->source);
	}
	assert_null(mask_row_find("no-such-row"));
	assert_null(story_row_find("no-such-row"));
}

static void test_what_each_way_makes_of_a_row(void **state)
{
	const struct mask_row *reset = mask_row_find("rst"), *urgent = mask_row_find("urgent"),
			      *pipe = mask_row_find("pipe-writer-closed");

	(void)state;
	assert_int_equal(mask_predict(reset, WAY_LEVEL).must,
			 EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLERR | EPOLLHUP);
	assert_int_equal(mask_predict(reset, WAY_EDGE_TWICE).must, 0);
	assert_int_equal(mask_predict(reset, WAY_SELECT).must, EPOLLIN | EPOLLOUT);
	assert_int_equal(mask_predict(reset, WAY_AFTER).must, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
	assert_int_equal(mask_predict(urgent, WAY_SELECT).must, EPOLLOUT | EPOLLPRI);
	assert_int_equal(mask_predict(pipe, WAY_SELECT).must, EPOLLIN);
	assert_false(mask_predict(pipe, WAY_SO_ERROR).asked);
	assert_false(mask_predict(pipe, WAY_AFTER).asked);
	for (enum mask_way way = 0; way < WAY_COUNT; way++)
		assert_non_null(mask_way_name(way));
}

static void test_must_may_and_must_not(void **state)
{
	const struct mask_answer masks = {.asked = true, .must = EPOLLIN, .may = EPOLLHUP};
	const struct mask_answer number = {.asked = true, .number = true, .value = 3};

	(void)state;
	assert_true(mask_agrees(&masks, EPOLLIN, 0));
	assert_true(mask_agrees(&masks, EPOLLIN | EPOLLHUP, 0));
	assert_false(mask_agrees(&masks, EPOLLHUP, 0));
	assert_false(mask_agrees(&masks, EPOLLIN | EPOLLOUT, 0));
	assert_true(mask_agrees(&number, 0, 3));
	assert_false(mask_agrees(&number, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows_are_whole),
	    cmocka_unit_test(test_what_each_way_makes_of_a_row),
	    cmocka_unit_test(test_must_may_and_must_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
