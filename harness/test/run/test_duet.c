/* SPDX-License-Identifier: MIT */
/*
 * The scripts of fuzz/scripts on the kernel that runs the test and on the model: both answer what is
 * expected. Some that are wrong are found out, scripts that nobody can read are refused with their line, and
 * any bytes are a script.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "run/duet.h"
#include "test/check.h"

static const char *folder(void)
{
	const char *path = getenv("WRINGER_FUZZ_SCRIPTS");

	return path ? path : "fuzz/scripts";
}

static void read_file(const char *path, struct buf *ret_text)
{
	FILE *file = fopen(path, "re");
	size_t size = 1;

	assert_non_null(file);
	while (size) {
		assert_int_equal(buf_reserve(ret_text, 4096), 0);
		size = fread(ret_text->data + ret_text->size, 1, 4096, file);
		ret_text->size += size;
	}
	(void)fclose(file);
}

/* Plays text; prints what differs. Whether it did. */
static bool differs(const char *name, const char *text, size_t size, bool is_loud)
{
	struct script script;
	struct duet_result result;
	struct error error = {0};
	struct buf told = {0};
	struct duet *duet;

	assert_int_equal(duet_new(false, &duet), 0);
	if (script_parse(&script, name, text, size, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(duet_play(duet, &script, &result), 0);
	assert_int_equal(duet_print(duet, &script, &result, &told), 0);
	if (result.differs && is_loud)
		print_error("%s:\n%s", name, told.data);
	assert_int_equal(result.left_out, 0);
	duet_free(duet);
	buf_free(&told);
	script_free(&script);
	return result.differs;
}

static void test_scripts(void **state)
{
	DIR *scripts = opendir(folder());
	int count = 0, wrong = 0;

	(void)state;
	if (!scripts)
		skip(); /* not in the tree */
	for (struct dirent *entry; (entry = readdir(scripts));) {
		char path[4096];
		struct buf text = {0};
		if (!strstr(entry->d_name, ".script"))
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", folder(), entry->d_name);
		read_file(path, &text);
		wrong += differs(entry->d_name, text.data, text.size, true);
		count++;
		buf_free(&text);
	}
	(void)closedir(scripts);
	assert_int_equal(wrong, 0);
	assert_true(count >= 20);
}

static void test_a_wrong_expectation_is_told(void **state)
{
	static const char text[] = "tcp a b\nepoll s\nadd s a IN|OUT -> 0\nwait s 1 -> a IN\nclose a\n";
	struct script script;
	struct duet_result result;
	struct error error = {0};
	struct buf told = {0};

	struct duet *duet;

	(void)state;
	assert_int_equal(duet_new(false, &duet), 0);
	assert_int_equal(script_parse(&script, "x", text, strlen(text), &error), 0);
	assert_int_equal(duet_play(duet, &script, &result), 0);
	assert_true(result.differs);
	assert_int_equal(result.step, 3);
	assert_int_equal(duet_print(duet, &script, &result, &told), 0);
	assert_string_equal(told.data, "tcp a b -> 0\nepoll s -> 0\nadd s a IN|OUT -> 0\n"
				       "wait s 1 -> a OUT\n# the model: a OUT; expected: a IN\n");
	duet_free(duet);
	buf_free(&told);
	script_free(&script);
}

static void test_what_is_no_script(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {"jump a", "x:1: jump is no step"},
	    {"\xff\001", "x:1: ?? is no step"},
	    {"", "x:0: there are no steps"},
	    {"# none\n\n", "x:2: there are no steps"},
	    {"\n# c\nclose a", "x:3: nothing is called a"},
	    {"tcp a", "x:1: a name is missing"},
	    {"tcp 1 b", "x:1: 1 is no name: it begins with no letter"},
	    {"epoll abcdefghijklmnopq", "x:1: the name abcdefghijklmnopq is longer than 15 letters"},
	    {"eventfd e x", "x:1: x is no number"},
	    {"eventfd e -1", "x:1: -1 is no number"},
	    {"eventfd e", "x:1: a number is missing"},
	    {"eventfd e 5000000000", "x:1: 5000000000 is no number"},
	    {"epoll s\nadd s s", "x:2: the events are missing"},
	    {"epoll s\nadd s s IN|OFF", "x:2: IN|OFF are no events"},
	    {"tcp a b\nshutdown a off", "x:2: off is none of read, write, both"},
	    {"tcp a b\nshutdown a", "x:2: nothing is none of read, write, both"},
	    {"epoll s 3", "x:1: 3 is one word too many"},
	    {"epoll s ->", "x:1: nothing is expected behind ->"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct script script;
		struct error error = {0};
		assert_int_equal(script_parse(&script, "x", rows[i].text, strlen(rows[i].text), &error),
				 -EINVAL);
		assert_string_equal(error.text, rows[i].error);
		script_free(&script);
	}
}

static void test_limits_of_a_script(void **state)
{
	struct script script;
	struct error error = {0};
	struct buf text = {0};

	(void)state;
	for (int i = 0; i <= STEP_NAMES; i++)
		assert_int_equal(buf_printf(&text, "epoll e%d\n", i), 0);
	assert_int_equal(script_parse(&script, "x", text.data, text.size, &error), -EINVAL);
	assert_string_equal(error.text, "x:33: more than 32 names");
	script_free(&script);
	buf_clear(&text);
	for (int i = 0; i <= STEP_MOST; i++)
		assert_int_equal(buf_puts(&text, "epoll e\n"), 0);
	assert_int_equal(script_parse(&script, "x", text.data, text.size, &error), -EINVAL);
	assert_string_equal(error.text, "x:1025: more than 1024 steps");
	script_free(&script);
	buf_free(&text);
}

/* Plays what differs nowhere, and writes it down. */
static void play(struct duet *duet, const struct script *script, struct buf *ret_told)
{
	struct duet_result result;

	assert_int_equal(duet_play(duet, script, &result), 0);
	assert_int_equal(duet_print(duet, script, &result, ret_told), 0);
	if (result.differs)
		fail_msg("%s", ret_told->data);
}

static void drop_comments(struct buf *text)
{
	char *to = text->data;

	for (char *line = text->data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		next = next ? next + 1 : line + strlen(line);
		if (*line != '#') {
			memmove(to, line, (size_t)(next - line));
			to += next - line;
		}
	}
	*to = 0;
}

/* Any bytes: no difference, and what is printed of them is a script that comes to the same. */
static void test_any_bytes(void **state)
{
	struct rng rng;
	struct duet *duet;

	(void)state;
	assert_int_equal(duet_new(true, &duet), 0);
	rng_init(&rng, 1, "bytes");
	for (int round = 0; round < 60; round++) {
		unsigned char bytes[120];
		struct script script, again;
		struct error error = {0};
		struct buf told = {0}, told_again = {0};
		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = (unsigned char)rng_next(&rng);
		assert_int_equal(script_from_bytes(&script, bytes, sizeof bytes), 0);
		play(duet, &script, &told);
		if (script_parse(&again, "printed", told.data, told.size, &error) < 0)
			fail_msg("%s\n%s", error.text, told.data);
		play(duet, &again, &told_again);
		drop_comments(&told);
		assert_string_equal(told_again.data, told.data);
		buf_free(&told);
		buf_free(&told_again);
		script_free(&script);
		script_free(&again);
	}
	duet_free(duet);
}

static int open_numbers(void)
{
	DIR *numbers = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(numbers);
	while (readdir(numbers))
		count++;
	(void)closedir(numbers);
	return count;
}

/*
 * A script that always leaves one hole makes pairs behind all numbers it has. Where numbers are up the rest
 * is left out, and nothing stays open for the next script, which counts from 0 again.
 */
static void test_numbers_run_out(void **state)
{
	struct script script;
	struct duet_result result;
	struct error error = {0};
	struct buf text = {0};
	struct duet *duet;

	(void)state;
	for (int i = 0; i < 80; i++)
		assert_int_equal(buf_puts(&text, "unix a b\nclose a\n"), 0);
	assert_int_equal(script_parse(&script, "x", text.data, text.size, &error), 0);
	assert_int_equal(duet_new(false, &duet), 0);
	int open = open_numbers();
	for (int round = 0; round < 2; round++) {
		assert_int_equal(duet_play(duet, &script, &result), 0);
		assert_false(result.differs);
		assert_true(result.left_out > 0);
		assert_int_equal(open_numbers(), open);
	}
	duet_free(duet);
	script_free(&script);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scripts),	      cmocka_unit_test(test_a_wrong_expectation_is_told),
	    cmocka_unit_test(test_what_is_no_script), cmocka_unit_test(test_limits_of_a_script),
	    cmocka_unit_test(test_any_bytes),	      cmocka_unit_test(test_numbers_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
