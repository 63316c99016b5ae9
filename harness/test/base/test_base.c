/* SPDX-License-Identifier: MIT */
#include "../check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/map.h"
#include "base/names.h"
#include "base/rng.h"
#include "base/units.h"

static void test_error_is_one_line_and_prefixed(void **state)
{
	struct error error = {0};

	(void)state;
	assert_int_equal(error_set(&error, -EPERM, "two\nlines %d", 7), -EPERM);
	assert_string_equal(error.text, "two lines 7");
	assert_int_equal(error_prefix(&error, "file.lua:%d", 3), -EPERM);
	assert_string_equal(error.text, "file.lua:3: two lines 7");
	char longest[2000];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	error_set(&error, -EINVAL, "%s", longest);
	error_prefix(&error, "%s", longest);
	assert_true(strlen(error.text) < sizeof error.text);
	assert_int_equal(error_set(NULL, -EIO, "nobody asked"), -EIO);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t ns;
	} rows[] = {
	    {"100ms", 0, 100 * NS_PER_MS},
	    {"2m", 0, 120 * NS_PER_S},
	    {"1.5s", 0, 1500 * NS_PER_MS},
	    {"7", 0, 7 * NS_PER_S},
	    {"250us", 0, 250000},
	    {"9ns", 0, 9},
	    {"1h", 0, 3600 * NS_PER_S},
	    {"0", 0, 0},
	    {"", -EINVAL, 0},
	    {"-1s", -EINVAL, 0},
	    {"1 s", -EINVAL, 0},
	    {"s", -EINVAL, 0},
	    {"1x", -EINVAL, 0},
	    {"inf", -EINVAL, 0},
	    {"nan", -EINVAL, 0},
	    {"0x10", -EINVAL, 0},
	    {"1e400", -ERANGE, 0},
	    {"9999999999999h", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t ns = 42;
		assert_int_equal(units_duration(rows[i].text, &ns), rows[i].result);
		assert_int_equal(ns, rows[i].result ? 42 : rows[i].ns);
	}
}

static void test_counts_and_factors(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t count;
	} rows[] = {
	    {"5k", 0, 5000},
	    {"2Ki", 0, 2048},
	    {"1m", 0, 1000000},
	    {"1Gi", 0, 1073741824},
	    {"12", 0, 12},
	    {"1.5k", 0, 1500},
	    {"1.5", -EINVAL, 0},
	    {"k", -EINVAL, 0},
	    {"5kb", -EINVAL, 0},
	    {"+3", -EINVAL, 0},
	    {"99999999999999999999", -ERANGE, 0},
	};
	uint64_t count;
	double factor = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		count = 42;
		assert_int_equal(units_count(rows[i].text, &count), rows[i].result);
		assert_int_equal(count, rows[i].result ? 42 : rows[i].count);
	}
	assert_int_equal(units_factor("2.5", &factor), 0);
	assert_true(factor > 2.49 && factor < 2.51);
	assert_int_equal(units_factor("0", &factor), -EINVAL);
	assert_int_equal(units_factor("2x", &factor), -EINVAL);
}

static void test_masks_both_ways(void **state)
{
	char text[MASK_TEXT];
	uint32_t mask = 0;

	(void)state;
	assert_string_equal(mask_name(EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP, text, sizeof text),
			    "EPOLLIN|EPOLLRDHUP|EPOLLERR|EPOLLHUP");
	assert_string_equal(mask_short(EPOLLOUT | 0x4000000, text, sizeof text), "OUT|0x4000000");
	assert_string_equal(mask_name(0, text, sizeof text), "0");
	assert_int_equal(mask_parse("RDHUP ERR, EPOLLHUP", &mask), 0);
	assert_int_equal(mask, EPOLLRDHUP | EPOLLERR | EPOLLHUP);
	assert_int_equal(mask_parse("IN|NOPE", &mask), -EINVAL);
	assert_int_equal(mask, EPOLLRDHUP | EPOLLERR | EPOLLHUP);
	for (uint64_t bits = 1; bits <= UINT32_MAX; bits <<= 1) {
		assert_int_equal(mask_parse(mask_name((uint32_t)bits, text, sizeof text), &mask), 0);
		assert_int_equal(mask, bits);
	}
	mask_name(UINT32_MAX, text, 10); /* cut, not overrun */
	assert_true(strlen(text) < 10);
}

static void test_errnos_and_signals(void **state)
{
	char name[32];

	(void)state;
	assert_string_equal(errno_name(-EMFILE), "EMFILE");
	assert_null(errno_name(4242));
	for (int code = 1; code < 134; code++)
		if (errno_name(code))
			assert_int_equal(errno_parse(errno_name(code)), code);
	assert_int_equal(errno_parse("EACCESS"), -EINVAL);
	assert_int_equal(signal_parse("PIPE"), 13);
	assert_int_equal(signal_parse("SIGPIPE"), 13);
	assert_int_equal(signal_parse("SIGNOPE"), -EINVAL);
	assert_string_equal(signal_name(13, name, sizeof name), "SIGPIPE");
	assert_string_equal(signal_name(40, name, sizeof name), "SIG40");
}

static void test_rng_repeats_and_spreads(void **state)
{
	struct rng a, b, c;
	unsigned hits[8] = {0};

	(void)state;
	rng_init(&a, 42, "peer");
	rng_init(&b, 42, "peer");
	rng_init(&c, 42, "canary");
	assert_int_equal(rng_next(&a), rng_next(&b));
	assert_int_not_equal(rng_next(&b), rng_next(&c));
	for (int i = 0; i < 8000; i++)
		hits[rng_below(&a, 8)]++;
	for (size_t i = 0; i < COUNT_OF(hits); i++)
		assert_in_range(hits[i], 800, 1200);
	assert_int_equal(rng_below(&a, 0), 0);
}

static void test_buf(void **state)
{
	struct buf buf = {0};

	(void)state;
	assert_int_equal(buf_puts(&buf, "hello"), 0);
	assert_int_equal(buf_printf(&buf, " %d", 42), 0);
	assert_string_equal(buf.data, "hello 42");
	buf_consume(&buf, 6);
	assert_string_equal(buf.data, "42");
	assert_int_equal(buf_reserve(&buf, SIZE_MAX / 2), -ENOMEM);
	assert_string_equal(buf.data, "42");
	buf_consume(&buf, 100);
	assert_int_equal(buf.size, 0);
	buf_free(&buf);
}

/* A map beside a plain array, through growth, deletion and reuse. */
static void test_map_beside_an_array(void **state)
{
	enum { KEYS = 512 };
	static char values[KEYS];
	void *there[KEYS] = {0};
	struct map map = {0};
	struct rng rng;

	(void)state;
	rng_init(&rng, 7, "map");
	for (int i = 0; i < 20000; i++) {
		uint64_t key = rng_below(&rng, KEYS);
		if (rng_below(&rng, 3)) {
			assert_int_equal(map_put(&map, key << 32 | key, &values[key]), 0);
			there[key] = &values[key];
		} else {
			assert_ptr_equal(map_remove(&map, key << 32 | key), there[key]);
			there[key] = NULL;
		}
	}
	size_t live = 0, seen = 0, at = 0;
	for (uint64_t key = 0; key < KEYS; key++) {
		assert_ptr_equal(map_get(&map, key << 32 | key), there[key]);
		live += there[key] != NULL;
	}
	uint64_t key;
	while (map_next(&map, &at, &key)) {
		assert_non_null(there[key & UINT32_MAX]);
		map_remove(&map, key);
		seen++;
	}
	assert_int_equal(seen, live);
	assert_int_equal(map.live, 0);
	map_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_error_is_one_line_and_prefixed),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_counts_and_factors),
	    cmocka_unit_test(test_masks_both_ways),
	    cmocka_unit_test(test_errnos_and_signals),
	    cmocka_unit_test(test_rng_repeats_and_spreads),
	    cmocka_unit_test(test_buf),
	    cmocka_unit_test(test_map_beside_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
