/* SPDX-License-Identifier: MIT */
/* Latencies: nearest-rank percentiles, exact up to FIGURES_KEPT samples, an even sample beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "peer/canary_figures.h"

static void percentiles(void **state)
{
	static const struct {
		unsigned count, permille;
		uint64_t value;
	} rows[] = {
	    {0, 500, 0}, {1, 500, 1},	 {1, 990, 1},	 {2, 500, 1},	   {3, 500, 2},
	    {4, 990, 4}, {100, 500, 50}, {100, 990, 99}, {1000, 990, 990}, {65536, 500, 32768},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct figures figures;
		figures_init(&figures, 1);
		for (unsigned n = rows[i].count; n > 0; n--) /* the wrong way round */
			figures_add(&figures, n);
		assert_int_equal(figures_permille(&figures, rows[i].permille), rows[i].value);
		assert_int_equal(figures.max, rows[i].count);
		figures_free(&figures);
	}
}

static void new_samples_count_after_a_look(void **state)
{
	struct figures figures;

	(void)state;
	figures_init(&figures, 1);
	figures_add(&figures, 5);
	assert_int_equal(figures_permille(&figures, 500), 5);
	figures_add(&figures, 1);
	assert_int_equal(figures_permille(&figures, 500), 1);
	figures_clear(&figures);
	assert_int_equal(figures_permille(&figures, 500), 0);
	figures_add(&figures, 7);
	assert_int_equal(figures_permille(&figures, 990), 7);
	figures_free(&figures);
}

/* A quarter million in rising order: the last ones and the first ones are kept alike. */
static void bounded_and_even(void **state)
{
	struct figures figures;
	const unsigned count = 250000;

	(void)state;
	figures_init(&figures, 7);
	for (unsigned n = 1; n <= count; n++) {
		figures_add(&figures, n);
		if (n % 50000 == 0) /* looking sorts what is kept, and must not change whom chance picks */
			(void)figures_permille(&figures, 500);
	}
	assert_int_equal(figures.kept, FIGURES_KEPT);
	assert_int_equal(figures.max, count);
	assert_in_range(figures_permille(&figures, 500), count / 2 - count / 50, count / 2 + count / 50);
	assert_in_range(figures_permille(&figures, 990), count * 98 / 100, count);
	figures_free(&figures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(percentiles),
	    cmocka_unit_test(new_samples_count_after_a_look),
	    cmocka_unit_test(bounded_and_even),
	};

	return cmocka_run_group_tests_name("canary figures", tests, NULL, NULL);
}
