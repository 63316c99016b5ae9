/* SPDX-License-Identifier: MIT */
/* The small parts: exit status, edit distance, shell words, the help and the manual page. */
#include "test/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/again.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/status.h"

static void test_status_of_run(void **state)
{
	static const struct {
		struct suite_totals totals; /* passed, failed, broken, skipped, not_run */
		bool ours;
		int status;
	} rows[] = {
	    {{40, 0, 0, 0, 0}, false, 0}, {{40, 0, 0, 2, 0}, false, 0},
	    {{40, 1, 0, 2, 0}, false, 1}, {{40, 1, 1, 2, 0}, false, 1}, /* a failure is never hidden */
	    {{40, 1, 0, 0, 3}, true, 1},  {{40, 0, 1, 0, 0}, false, 2},
	    {{0, 0, 0, 3, 0}, false, 77}, {{0, 0, 0, 3, 2}, false, 2}, /* interrupted */
	    {{3, 0, 0, 0, 1}, false, 2},  {{3, 0, 0, 0, 0}, true, 2},  /* a report could not be written */
	    {{0, 0, 0, 3, 0}, true, 2},	  {{0, 0, 0, 0, 0}, false, 2}, /* nothing at all ran */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(status_of_run(&rows[i].totals, rows[i].ours), rows[i].status);
}

static void test_status_of_watch(void **state)
{
	static const struct {
		int wait_status;
		bool error_found, ours;
		int status;
	} rows[] = {
	    {0, false, false, 0}, {3 << 8, false, false, 3},	       {SIGKILL, false, false, 137},
	    {0, true, false, 1},  {SIGSEGV | 0x80, false, false, 139}, {3 << 8, true, true, 1},
	    {0, false, true, 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(status_of_watch(rows[i].wait_status, rows[i].error_found, rows[i].ours),
				 rows[i].status);
}

static void test_edit_distance(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} rows[] = {
	    {"", "", 0},	   {"", "abc", 3},    {"abc", "", 3},
	    {"abc", "abc", 0},	   {"abc", "abd", 1}, {"abc", "abcd", 1},
	    {"abc", "bc", 1},	   {"abc", "acb", 1}, {"kitten", "sitting", 3},
	    {"chekc", "check", 1}, {"ab", "ba", 1},   {"ca", "abc", 3},
	};
	char longest[100];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(edit_distance(rows[i].a, rows[i].b), rows[i].distance);
		assert_int_equal(edit_distance(rows[i].b, rows[i].a), rows[i].distance);
	}
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	assert_true(edit_distance("a", longest) == SIZE_MAX);
}

static void test_nearest(void **state)
{
	static const struct {
		const char *wanted, *hint;
	} rows[] = {
	    {"hup-spn", "; did you mean hup-spin?"},
	    {"eof-spin", "; did you mean eof-spin?"},
	    {"rst", ""},
	    {"something-else", ""},
	};
	char hint[96];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct nearest nearest = nearest_begin(rows[i].wanted);
		nearest_offer(&nearest, "hup-spin");
		nearest_offer(&nearest, "eof-spin");
		nearest_offer(&nearest, "busy-poll");
		assert_string_equal(nearest_hint(&nearest, hint, sizeof hint), rows[i].hint);
	}
}

static const char *same(void *arg, const char *scenario)
{
	return arg ? arg : scenario;
}

static void test_again(void **state)
{
	char *command[] = {(char *)"./my server", (char *)"it's", (char *)"", (char *)"--x=1", NULL};
	struct settings settings;
	struct error error;
	struct buf line = {0};

	(void)state;
	settings_init(&settings);
	settings.seed = 42;
	assert_int_equal(settings_set(&settings, option_find("protocol", FOR_CHECK), "http", true, &error),
			 0);
	assert_int_equal(settings_set(&settings, option_find("jobs", FOR_CHECK), "3", true, &error), 0);
	assert_int_equal(settings_set(&settings, option_find("no-sandbox", FOR_CHECK), NULL, true, &error),
			 0);
	assert_int_equal(settings_set(&settings, option_find("timeout", FOR_CHECK), "3s", false, &error), 0);
	struct again again = {&settings, command, same, NULL};
	assert_int_equal(again_line(&again, "rst-idle", "command", 1, &line), 0);
	assert_string_equal(line.data,
			    "wringer run rst-idle --seed 42 --protocol http --no-sandbox -- './my server' "
			    "'it'\\''s' '' --x=1");
	buf_clear(&line);
	again = (struct again){&settings, NULL, same, (void *)"./dir/my file.lua"};
	assert_int_equal(again_line(&again, "mine", "epoll-edge", 3, &line), 0);
	assert_string_equal(line.data,
			    "wringer run './dir/my file.lua' --seed 44 --protocol http --no-sandbox "
			    "--target epoll-edge");
	buf_free(&line);
	settings_free(&settings);
}

/* Every option of a command is in its help, none of the others; no line is wider than asked for unless a form
 * is. */
static void test_words_come_back(void **state)
{
	static const char *const words[] = {"wringer", "run", "a b", "it's", "", "'", "--", "$HOME\\n", "x=1"};
	struct buf line = {0};
	char *back[COUNT_OF(words)];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		assert_int_equal(i ? buf_puts(&line, " ") : 0, 0);
		assert_int_equal(shell_quote(words[i], &line), 0);
	}
	assert_int_equal(shell_split(line.data, back, COUNT_OF(words)), COUNT_OF(words));
	for (size_t i = 0; i < COUNT_OF(words); i++)
		assert_string_equal(back[i], words[i]);
	buf_free(&line);
}

static void test_lines_that_are_none(void **state)
{
	char open[] = "run 'no end", many[] = "a b c", none[] = "";
	char *back[2];

	(void)state;
	assert_int_equal(shell_split(open, back, 2), -EINVAL);
	assert_int_equal(shell_split(many, back, 2), -EINVAL);
	assert_int_equal(shell_split(none, back, 2), 0);
}

static void test_help(void **state)
{
	(void)state;
	for (const struct command *const *command = command_list; *command; command++) {
		struct buf text = {0};
		assert_int_equal(help_command(*command, 80, &text), 0);
		for (const struct option_row *row = option_rows; row->name; row++) {
			struct buf form = {0};
			assert_int_equal(help_option_form(row, &form), 0);
			/* Where a name has two forms, only the command's own is looked for. */
			const struct option_row *own = option_find(row->name, (*command)->bit);
			if (!own || own == row)
				assert_int_equal(strstr(text.data, form.data) != NULL, own != NULL);
			buf_free(&form);
		}
		for (const char *at = strchr(text.data, '\n') + 1; *at; at += strcspn(at, "\n") + 1)
			assert_true(strcspn(at, "\n") <= 80);
		buf_free(&text);
	}
}

/* The committed page is what this source makes; `wringer --man >harness/wringer.1` mends it. */
static void test_man_is_committed(void **state)
{
	static const char path[] = "harness/wringer.1";
	struct buf made = {0}, read = {0};
	char part[4096];
	size_t size;

	(void)state;
	FILE *file = fopen(path, "r");
	if (!file)
		skip(); /* not run in the source tree */
	while ((size = fread(part, 1, sizeof part, file)) > 0)
		assert_int_equal(buf_append(&read, part, size), 0);
	(void)fclose(file);
	assert_int_equal(man_page(&made), 0);
	assert_int_equal(made.size, read.size);
	assert_memory_equal(made.data, read.data, made.size);
	buf_free(&made);
	buf_free(&read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_status_of_run),
	    cmocka_unit_test(test_status_of_watch),
	    cmocka_unit_test(test_edit_distance),
	    cmocka_unit_test(test_nearest),
	    cmocka_unit_test(test_again),
	    cmocka_unit_test(test_words_come_back),
	    cmocka_unit_test(test_lines_that_are_none),
	    cmocka_unit_test(test_help),
	    cmocka_unit_test(test_man_is_committed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
