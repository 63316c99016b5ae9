/* SPDX-License-Identifier: MIT */
/* Known deviations: how they are written, what they cover, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include "rules/ignore.h"

static void test_what_is_covered(void **state)
{
	static const struct {
		const char *text, *scenario, *rule;
		const char *reason; /* NULL: not covered */
	} rows[] = {
	    {"hup-spin", "rst-idle", "hup-spin", ""},
	    {"hup-spin", "rst-idle", "eof-spin", NULL},
	    {" hup-spin , eof-spin ", "rst-idle", "eof-spin", ""},
	    {"hup-spin,eof-spin", "rst-idle", "busy-poll", NULL},
	    {"*-spin", "rst-idle", "accept-spin", ""},
	    {"fin-leak@vanish-*", "vanish-idle", "fin-leak", ""},
	    {"fin-leak@vanish-*", "rst-idle", "fin-leak", NULL},
	    {"fin-leak=pooled, on purpose", "rst-idle", "fin-leak", "pooled, on purpose"},
	    {"eof-spin,fin-leak@rst-idle= x = y", "rst-idle", "fin-leak", "x = y"},
	    {"eof-spin,fin-leak@rst-idle= x = y", "rst-idle", "eof-spin", ""},
	    {"fin-leak=", "rst-idle", "fin-leak", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ignore_list list = {0};
		struct error error = {0};
		const struct ignore *found;

		assert_int_equal(ignore_add(&list, rows[i].text, &error), 0);
		found = ignore_find(&list, rows[i].scenario, rows[i].rule);
		if (!found != !rows[i].reason)
			fail_msg("'%s' and %s in %s", rows[i].text, rows[i].rule, rows[i].scenario);
		if (found)
			assert_string_equal(found->reason, rows[i].reason);
		ignore_free(&list);
	}
	assert_null(ignore_find(NULL, "rst-idle", "fin-leak"));
}

static void test_what_is_refused(void **state)
{
	char longest[400];
	const struct {
		const char *text, *said;
	} rows[] = {
	    {"", "empty"},
	    {" ,", "empty"},
	    {"hup-spinn", "'hup-spinn'"},
	    {"hup-spin,nonsense-*", "'nonsense-*'"},
	    {"@rst-idle", "''"},
	    {"=why", "''"},
	    {"a-name-that-is-much-longer-than-any-rule-will-ever-be-called-by-anyone",
	     "a rule's name has 70"},
	    {longest, "a reason has"},
	};

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "fin-leak=", 9);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ignore_list list = {0};
		struct error error = {0};

		assert_int_equal(ignore_add(&list, rows[i].text, &error), -EINVAL);
		if (!strstr(error.text, rows[i].said))
			fail_msg("'%s' lacks \"%s\"", error.text, rows[i].said);
		ignore_free(&list);
	}
}

static void test_too_many(void **state)
{
	struct ignore_list list = {0};
	struct error error = {0};

	(void)state;
	for (size_t i = 0; i < IGNORE_MOST; i++)
		assert_int_equal(ignore_add(&list, "fin-leak", &error), 0);
	assert_int_equal(ignore_add(&list, "fin-leak", &error), -EINVAL);
	assert_int_equal(list.count, IGNORE_MOST);
	ignore_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_covered),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
