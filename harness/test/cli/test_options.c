/* SPDX-License-Identifier: MIT */
/*
 * The option table as a whole, and every way to use it wrongly: each bad line gives exactly one message,
 * which names what was expected.
 */
#include "test/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/options.h"

#define WORDS_MOST 32

/* Splits at blanks; "" as '' is not needed here. */
static int split(char *line, char **words)
{
	int count = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
		assert_true(count < WORDS_MOST - 1);
		words[count++] = word;
	}
	words[count] = NULL;
	return count;
}

struct parsed {
	struct settings settings;
	struct words words;
	struct error error;
	char line[256], *argv[WORDS_MOST];
	int result;
};

static void parse(const char *line, struct parsed *parsed)
{
	*parsed = (struct parsed){0};
	(void)snprintf(parsed->line, sizeof parsed->line, "%s", line);
	int argc = split(parsed->line, parsed->argv);
	const struct command *command = command_find(parsed->argv[0]);
	assert_non_null(command);
	settings_init(&parsed->settings);
	parsed->result =
	    options_parse(command, argc, parsed->argv, &parsed->settings, &parsed->words, &parsed->error);
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
	    {"check --foo", "check has no option --foo; see `wringer check -h`"},
	    {"check -x", "check has no option -x; see `wringer check -h`"},
	    {"check --timeuot 3",
	     "check has no option --timeuot; did you mean --timeout?; see `wringer check -h`"},
	    {"check --timeuot=3",
	     "check has no option --timeuot; did you mean --timeout?; see `wringer check -h`"},
	    {"judge --seed 3", "judge has no option --seed; see `wringer judge -h`"},
	    {"watch --dry-run", "watch has no option --dry-run; see `wringer watch -h`"},
	    {"list -j 3", "list has no option -j; see `wringer list -h`"},
	    {"check --seed", "--seed wants N; see `wringer check -h`"},
	    {"check -j", "--jobs wants N; see `wringer check -h`"},
	    {"check --json -- x", "--json wants FILE; see `wringer check -h`"},
	    {"check --quiet=yes", "--quiet takes no value; see `wringer check -h`"},
	    {"list --json=x rules", "--json takes no value; see `wringer list -h`"},
	    {"check --seed= -- x", "--seed wants a whole number, not \"\""},
	    {"check --seed -1", "--seed wants a whole number, not \"-1\""},
	    {"check --seed 1k", "--seed wants a whole number, not \"1k\""},
	    {"check --seed 18446744073709551616",
	     "--seed wants a whole number, not \"18446744073709551616\""},
	    {"check --port 0", "--port wants a port from 1 to 65535, not \"0\""},
	    {"check --port 65536", "--port wants a port from 1 to 65535, not \"65536\""},
	    {"check --port http", "--port wants a port from 1 to 65535, not \"http\""},
	    {"check -j 0", "--jobs wants a whole number above 0, such as 4 or 2k, not \"0\""},
	    {"check -j 1.5", "--jobs wants a whole number above 0, such as 4 or 2k, not \"1.5\""},
	    {"check -n -2", "--repeat wants a whole number above 0, such as 4 or 2k, not \"-2\""},
	    {"check -n 5g", "--repeat wants a whole number above 0, such as 4 or 2k, not \"5g\""},
	    {"check -t 0", "--timeout wants a duration above 0, such as 500ms or 30s, not \"0\""},
	    {"check -t 3parsecs",
	     "--timeout wants a duration above 0, such as 500ms or 30s, not \"3parsecs\""},
	    {"check -t -3s", "--timeout wants a duration above 0, such as 500ms or 30s, not \"-3s\""},
	    {"check --time-scale 0", "--time-scale wants a factor above 0, such as 2 or 0.5, not \"0\""},
	    {"check --time-scale nan", "--time-scale wants a factor above 0, such as 2 or 0.5, not \"nan\""},
	    {"check --shard x", "--shard wants I/N with I from 1 to N, such as 2/5, not \"x\""},
	    {"check --shard 1", "--shard 1 wants an index: I/N, or JOB_COMPLETION_INDEX in the environment"},
	    {"check --shard 0/3", "--shard wants I/N with I from 1 to N, such as 2/5, not \"0/3\""},
	    {"check --shard 4/3", "--shard wants I/N with I from 1 to N, such as 2/5, not \"4/3\""},
	    {"check --shard 1/3/5", "--shard wants I/N with I from 1 to N, such as 2/5, not \"1/3/5\""},
	    {"check --shard /3", "--shard wants I/N with I from 1 to N, such as 2/5, not \"/3\""},
	    {"check -D path", "--define wants NAME=VALUE, not \"path\""},
	    {"check -D =x", "--define wants NAME=VALUE, not \"=x\""},
	    {"check --watch dtrace", "--watch wants ptrace, preload, bpf, none or auto, not \"dtrace\""},
	    {"check --color red", "--color wants auto, always or never, not \"red\""},
	    {"check --json=", "--json wants FILE, not \"\""},
	    {"check --scenario=", "--scenario wants GLOB, not \"\""},
	    {"check --protocol=", "--protocol wants NAME|FILE.lua, not \"\""},
	    {"check --", "no command behind --; see `wringer check -h`"},
	    {"watch -q --", "no command behind --; see `wringer watch -h`"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed parsed;
		parse(rows[i].line, &parsed);
		assert_int_equal(parsed.result, -EINVAL);
		assert_string_equal(parsed.error.text, rows[i].message);
		settings_free(&parsed.settings);
	}
}

static void test_good_line(void **state)
{
	struct parsed parsed;

	(void)state;
	parse("run rst-idle -j4 --protocol=http churn -t 1.5s --shard 2/5 -D a=b -D c= -vv --seed "
	      "18446744073709551615 "
	      "-- ./server -j 9 --foo",
	      &parsed);
	const struct settings *settings = &parsed.settings;
	assert_int_equal(parsed.result, 0);
	assert_int_equal(parsed.words.count, 2);
	assert_string_equal(parsed.words.items[0], "rst-idle");
	assert_string_equal(parsed.words.items[1], "churn");
	assert_string_equal(parsed.words.command[0], "./server");
	assert_string_equal(parsed.words.command[3], "--foo");
	assert_int_equal(settings->jobs, 4);
	assert_string_equal(settings->protocol, "http");
	assert_int_equal(settings->timeout, 1500000000);
	assert_int_equal(settings->shard, 2);
	assert_int_equal(settings->shards, 5);
	assert_int_equal(settings->define_count, 2);
	assert_string_equal(settings->defines[0].name, "a");
	assert_string_equal(settings->defines[0].value, "b");
	assert_string_equal(settings->defines[1].value, "");
	assert_int_equal(settings->verbose, 2);
	assert_true(settings->seed == UINT64_MAX);
	settings_free(&parsed.settings);
}

static void test_defaults(void **state)
{
	struct parsed parsed;

	(void)state;
	parse("check", &parsed);
	assert_int_equal(parsed.result, 0);
	assert_null(parsed.words.command);
	assert_int_equal(parsed.settings.repeat, 1);
	assert_true(parsed.settings.time_scale > 0.99 && parsed.settings.time_scale < 1.01);
	assert_string_equal(parsed.settings.watch, "auto");
	assert_false(parsed.settings.seed_given);
	settings_free(&parsed.settings);
}

static bool clash(const struct option_row *a, const struct option_row *b)
{
	if (!(a->commands & b->commands))
		return false;
	return strcmp(a->name, b->name) == 0 || (a->letter && a->letter == b->letter);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];
		assert_non_null(row->help);
		assert_non_null(row->parse);
		assert_true(row->commands != 0);
		assert_true(row->help[strlen(row->help) - 1] != '.');
		for (size_t j = 0; j < i; j++)
			assert_false(clash(row, &option_rows[j]));
	}
	assert_null(option_rows[option_row_count].name);
}

static void test_every_command_is_whole(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (const struct command *const *command = command_list; *command; command++) {
		assert_int_equal(seen & (*command)->bit, 0);
		seen |= (*command)->bit;
		assert_non_null((*command)->run);
		assert_non_null((*command)->about);
		assert_non_null(option_find("help", (*command)->bit));
		assert_ptr_equal(command_find((*command)->name), *command);
	}
	assert_null(command_find("chek"));
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void test_settings_file(void **state)
{
	static const struct {
		const char *line, *file;
		const char *message; /* part of it; NULL: good */
	} rows[] = {
	    {"check -c %s", "return { jobs = 3, [\"time-scale\"] = 2, quiet = true }", NULL},
	    {"check -j 3 -c %s", "return { jobs = 7, quiet = true }", NULL},
	    {"check -j 3 -c %s -q", "return { show = true }", "show belongs on the command line"},
	    {"check -c %s", "return { jbos = 7 }", "there is no setting jbos; did you mean jobs?"},
	    {"check -c %s", "return { [\"dry-run\"] = true }", "dry-run belongs on the command line"},
	    {"check -c %s", "return { jobs = 0 }", "--jobs wants a whole number above 0"},
	    {"check -c %s", "return { color = true }", "--color wants auto, always or never"},
	    {"check -c %s", "return {", ""},
	    {"check -c %s -j 3 -q", "return { show = nil, D = { path = \"/x\" } }", NULL},
	};
	char path[] = "/tmp/wringer-settings-XXXXXX", line[256];

	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed parsed;
		put(path, rows[i].file);
		(void)snprintf(line, sizeof line, rows[i].line, path);
		parse(line, &parsed);
		assert_int_equal(parsed.result, 0);
		int r = settings_load(&parsed.settings, FOR_CHECK, &parsed.error);
		if (rows[i].message) {
			assert_true(r < 0);
			assert_non_null(strstr(parsed.error.text, rows[i].message));
		} else {
			assert_int_equal(r, 0);
			assert_int_equal(parsed.settings.jobs, 3);
			assert_true(parsed.settings.quiet);
		}
		settings_free(&parsed.settings);
	}
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_lines),
	    cmocka_unit_test(test_good_line),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_every_command_is_whole),
	    cmocka_unit_test(test_settings_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
