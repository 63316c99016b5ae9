/* SPDX-License-Identifier: MIT */
/* Cleaning, cutting and wrapping of text, by table. */
#include "test/check.h"

#include <string.h>
#include "report/text.h"

#define BAD "\xef\xbf\xbd"

static void test_clean(void **state)
{
	static const struct {
		enum text_use use;
		const char *in, *out;
	} rows[] = {
	    {TEXT_UTF8, "", ""},
	    {TEXT_UTF8, "plain\n\t\x01", "plain\n\t\x01"},
	    {TEXT_UTF8, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
	    {TEXT_UTF8,
	     "a\xff"
	     "b",
	     "a" BAD "b"},
	    {TEXT_UTF8, "\xc0\xaf", BAD BAD},		      /* overlong */
	    {TEXT_UTF8, "\xed\xa0\x80", BAD BAD BAD},	      /* a surrogate */
	    {TEXT_UTF8, "\xf4\x90\x80\x80", BAD BAD BAD BAD}, /* beyond Unicode */
	    {TEXT_UTF8, "\xe2\x82", BAD BAD},		      /* cut off */
	    {TEXT_UTF8, BAD, BAD},			      /* the replacement itself may stand */
	    {TEXT_XML, "a\x01\x1b[31mb\tc\nd", "a" BAD BAD "[31mb\tc\nd"},
	    {TEXT_XML, "\xef\xbf\xbe\xef\xbf\xbf", BAD BAD},
	    {TEXT_LINE, "a\nb\tc\x1b[2J\x7f", "a b c" BAD "[2J" BAD},
	    {TEXT_LINE,
	     "\xc2\x9b"
	     "31m",
	     BAD "31m"}, /* the one-byte form of ESC [ */
	    {TEXT_ASCII, "1 \xc2\xb7 2\xe2\x80\xa6 \xe2\x9c\x93 \xc3\xa9\xff", "1 - 2... + ??"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = {0};
		assert_int_equal(text_clean(rows[i].use, rows[i].in, strlen(rows[i].in), &out), 0);
		assert_string_equal(out.data, rows[i].out);
		buf_free(&out);
	}
}

static void test_width_and_fit(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac"
				   "d";

	(void)state;
	assert_int_equal(text_width(text, strlen(text)), 4);
	assert_int_equal(text_fit(text, strlen(text), 0), 0);
	assert_int_equal(text_fit(text, strlen(text), 2), 3);
	assert_int_equal(text_fit(text, strlen(text), 3), 6);
	assert_int_equal(text_fit(text, strlen(text), 99), strlen(text));
}

static void test_wrap(void **state)
{
	static const struct {
		const char *in;
		size_t at, indent, width;
		const char *out;
	} rows[] = {
	    {"", 0, 0, 10, ""},
	    {"one two", 0, 0, 10, "one two"},
	    {"one two three", 0, 2, 8, "one two\n  three"},
	    {"one two three", 6, 4, 10, "one\n    two\n    three"},
	    {"unbreakable word", 0, 0, 4, "unbreakable\nword"},
	    {"a  b", 0, 0, 10, "a  b"},
	    {"12345 1234", 0, 0, 10, "12345 1234"},
	    {"12345 12345", 0, 0, 10, "12345\n12345"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = {0};
		assert_int_equal(text_wrap(rows[i].in, rows[i].at, rows[i].indent, rows[i].width, &out), 0);
		assert_string_equal(out.data ? out.data : "", rows[i].out);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_width_and_fit),
	    cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
