/* SPDX-License-Identifier: MIT */
/* Durations in buckets: how far off a percentile may be, merging, and the saved form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/histogram.h"
#include "base/rng.h"

#define MANY 20000

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Durations of every size: as many between 1 and 2 ns as between 1 and 2 minutes. */
static uint64_t some_duration(struct rng *rng)
{
	uint64_t bits = rng_below(rng, HISTOGRAM_HIGHEST);

	return (1ULL << bits) + rng_below(rng, 1ULL << bits);
}

/* Algorithm: for each percentile, the exact value by sorting; ours is not below it, and above by less than
 * the promised part. */
static void error_bound(void **state)
{
	static const uint32_t percentiles[] = {1,      10000,  250000, 500000, 900000,
					       990000, 999000, 999900, 1000000};
	static uint64_t values[MANY];
	static struct histogram histogram;
	struct rng rng;

	(void)state;
	rng_init(&rng, 11, "histogram");
	for (size_t i = 0; i < MANY; i++) {
		values[i] = some_duration(&rng);
		histogram_add(&histogram, values[i]);
	}
	qsort(values, MANY, sizeof *values, ascending);
	for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++) {
		uint64_t rank = (MANY * (uint64_t)percentiles[i] + 999999) / 1000000;
		uint64_t exact = values[rank - 1], told = histogram_at(&histogram, percentiles[i]);
		assert_true(told >= exact);
		assert_true(told - exact <= exact / HISTOGRAM_STEPS);
	}
	assert_int_equal(histogram.min, values[0]);
	assert_int_equal(histogram_at(&histogram, 1000000), values[MANY - 1]);
}

/* Algorithm: what is added in bulk is what is added one by one; the total may be off by the fractions. */
static void even_ones(void **state)
{
	static const struct {
		uint64_t least;
		double step;
		uint64_t count;
	} rows[] = {
	    {0, 1, 3000},	{5, 0.5, 5000},	      {100, 3, 1},	     {7, 1000, 4000},
	    {255, 65536.5, 50}, {1 << 20, 0.25, 900}, {1ULL << 41, 1e6, 70}, {(1ULL << 41) - 40, 8, 90},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		static struct histogram bulk, single;

		memset(&bulk, 0, sizeof bulk);
		memset(&single, 0, sizeof single);
		histogram_add_even(&bulk, rows[i].least, rows[i].step, rows[i].count);
		for (uint64_t at = 0; at < rows[i].count; at++)
			histogram_add(&single, rows[i].least + (uint64_t)((double)at * rows[i].step));
		assert_int_equal(bulk.count, single.count);
		assert_int_equal(bulk.min, single.min);
		assert_int_equal(bulk.max, single.max);
		assert_memory_equal(bulk.buckets, single.buckets, sizeof bulk.buckets);
		assert_in_range(bulk.total, single.total - rows[i].count, single.total + rows[i].count);
	}
	static struct histogram many;
	histogram_add_even(&many, 1, 0.001, 1ULL << 60); /* is over at once */
	assert_int_equal(many.count, 1ULL << 60);
}

/* One value alone is told exactly, at the seams between doublings and beyond the last bucket too. */
static void alone_is_exact(void **state)
{
	static const uint64_t seams[] = {0,
					 1,
					 255,
					 256,
					 257,
					 511,
					 512,
					 513,
					 (1ULL << 40) - 1,
					 1ULL << 40,
					 (1ULL << 41) - 1,
					 1ULL << 41,
					 UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof seams / sizeof *seams; i++) {
		struct histogram histogram = {0};
		histogram_add(&histogram, seams[i]);
		assert_int_equal(histogram_at(&histogram, 500000), seams[i]);
		assert_int_equal(histogram_mean(&histogram), seams[i]);
	}
}

static void empty(void **state)
{
	static const struct histogram histogram;

	(void)state;
	assert_int_equal(histogram_at(&histogram, 500000), 0);
	assert_int_equal(histogram_mean(&histogram), 0);
}

static void merged_is_as_if_added(void **state)
{
	static struct histogram parts[3], merged, whole;
	struct rng rng;

	(void)state;
	rng_init(&rng, 12, "histogram");
	for (size_t i = 0; i < MANY; i++) {
		uint64_t ns = some_duration(&rng);
		histogram_add(&parts[i % 2], ns); /* the third stays empty */
		histogram_add(&whole, ns);
	}
	for (size_t i = 0; i < 3; i++)
		histogram_merge(&merged, &parts[i]);
	assert_memory_equal(&merged, &whole, sizeof whole);
}

static void saved_and_read(void **state)
{
	static struct histogram before, after;
	struct buf text = {0};
	struct error error = {0};
	struct rng rng;

	(void)state;
	rng_init(&rng, 13, "histogram");
	for (int i = 0; i < 500; i++) {
		buf_clear(&text);
		assert_int_equal(histogram_save(&before, &text), 0);
		assert_int_equal(histogram_read(text.data, text.size, &after, &error), 0);
		assert_memory_equal(&before, &after, sizeof before);
		histogram_add(&before, i % 50 ? some_duration(&rng) : rng_below(&rng, 300));
	}
	/* cut anywhere, it is refused */
	for (size_t size = 0; size < text.size; size++)
		assert_int_not_equal(histogram_read(text.data, size, &after, &error), 0);
	buf_free(&text);
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
	    {"", -EINVAL},
	    {"hello", -EINVAL},
	    {"wringer-histogram 2\nns 0 0 0 0\nend\n", -ENOTSUP},
	    {"wringer-histogram 0\n", -ENOTSUP},
	    {"wringer-histogram -1\nns 0 0 0 0\nend\n", -EINVAL},
	    {"wringer-histogram 1\nns 0 0 0 0\nend\nmore", -EINVAL},
	    {"wringer-histogram 1\nns 1 0 0 0\nend\n", -EINVAL},
	    {"wringer-histogram 1\nns 2 5 2 3\n3 1\n2 1\nend\n", -EINVAL},
	    {"wringer-histogram 1\nns 2 4 2 2\n2 1\n2 1\nend\n", -EINVAL},
	    {"wringer-histogram 1\nns 1 2 2 3\n2 1\nend\n", -EINVAL},
	    {"wringer-histogram 1\nns 1 9 9 9\n99999999 1\nend\n", -EINVAL},
	    {"wringer-histogram 1\nns 1 9 9 9\n9 99999999999999999999999\nend\n", -EINVAL},
	    {"wringer-histogram 1\nns 0 0 0 0\n9 0\nend\n", -EINVAL},
	};
	static struct histogram untouched, histogram;
	struct error error = {0};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(histogram_read(rows[i].text, strlen(rows[i].text), &histogram, &error),
				 rows[i].code);
		assert_true(error.text[0] != '\0');
		assert_memory_equal(&histogram, &untouched, sizeof histogram);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(error_bound),
	    cmocka_unit_test(alone_is_exact),
	    cmocka_unit_test(even_ones),
	    cmocka_unit_test(empty),
	    cmocka_unit_test(merged_is_as_if_added),
	    cmocka_unit_test(saved_and_read),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
