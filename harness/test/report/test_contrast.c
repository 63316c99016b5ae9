/* SPDX-License-Identifier: MIT */
/* Targets side by side: order, what stands for several peers and rounds, what is marked, what could not be
 * played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "report/contrast.h"
#include "test/report/sample.h"

#define HEAD "    target  the kernel told it   let go in   calls       CPU  the peer saw\n"

static void add(struct contrast *contrast, const char *scenario, const char *target,
		struct result_reaction *reactions, size_t count)
{
	struct result result = sample_result(scenario, VERDICT_PASS, "");

	(void)snprintf(result.target, sizeof(result.target), "%s", target);
	result.reactions = reactions;
	result.reaction_count = count;
	result.measures.cpu_seconds = 0.0125;
	assert_int_equal(contrast_add(contrast, &result), 0);
}

static const char *doc(void *arg, const char *scenario)
{
	(void)arg;
	return strcmp(scenario, "rst-idle") == 0 ? "the peer resets" : NULL;
}

static void expect(const struct contrast *contrast, bool utf8, const char *expected)
{
	static const char *const targets[] = {"level", "ring", "absent"};
	const struct contrast_order order = {targets, 3, doc, NULL};
	const struct style style = {.utf8 = utf8, .columns = 100};
	struct buf out = {0};

	assert_int_equal(contrast_put(contrast, &order, &style, &out), 0);
	assert_string_equal(out.size ? out.data : "", expected);
	buf_free(&out);
}

static void test_side_by_side(void **state)
{
	/* The commonest text and the middle figure; one that was never closed does not count while most were.
	 */
	struct result_reaction level[] = {
	    {"c1", "rst", 1, 300000, 2, "IN|HUP", ""},
	    {"c2", "rst", 1, 100000, 2, "IN|HUP", ""},
	    {"c3", "rst", 1, -1, 5, "HUP", "FIN"},
	};
	struct result_reaction ring[] = {{"c1", "rst", 1, 2500000, 1, "RECV ECONNRESET", ""}};
	struct result_reaction open[] = {{"c1", "oob", 1, -1, 0, "", "answer"}};
	struct contrast *contrast = contrast_new();

	(void)state;
	assert_non_null(contrast);
	add(contrast, "rst-idle", "ring", ring, 1);
	add(contrast, "oob-idle", "level", open, 1);
	add(contrast, "rst-idle", "level", level, 3);
	add(contrast, "rst-idle", "ring", ring, 1);
	expect(contrast, true,
	       "oob-idle\n" HEAD "    level   nothing                      -       0   12.5 ms  answer\n\n"
	       "rst-idle: the peer resets\n" HEAD
	       "    level   IN|HUP                 0.30 ms       2   12.5 ms  nothing\n"
	       "  \xe2\x89\xa0 ring    RECV ECONNRESET         2.5 ms       1   12.5 ms  nothing\n\n");
	contrast_free(contrast);
	contrast_free(NULL);
}

static void test_not_played(void **state)
{
	struct result_reaction level[] = {{"c1", "rst", 1, 300000, 2, "IN|HUP", ""}};
	struct result skipped = sample_result("rst-idle", VERDICT_SKIP, "io_uring is refused here");
	struct contrast *contrast = contrast_new();

	(void)state;
	expect(contrast, true, "");
	add(contrast, "rst-idle", "level", level, 1);
	(void)snprintf(skipped.target, sizeof(skipped.target), "ring");
	assert_int_equal(contrast_add(contrast, &skipped), 0);
	expect(contrast, false,
	       "rst-idle: the peer resets\n" HEAD
	       "    level   IN|HUP                 0.30 ms       2   12.5 ms  nothing\n"
	       "    ring    skip: io_uring is refused here\n\n");
	contrast_free(contrast);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_side_by_side),
	    cmocka_unit_test(test_not_played),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
