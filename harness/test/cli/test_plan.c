/* SPDX-License-Identifier: MIT */
/*
 * Which cases a line means. A folder of five scenarios stands in for wringer's own:
 *
 *   plain-a  plain-b   need nothing         ask-a  need requests        big-a  needs big answers
 *   other/mine.lua     a file of the user's own
 */
#include "test/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/select.h"

static char folder[] = "/tmp/wringer-plan-XXXXXX";

static void put_scenario(const char *file, const char *name, const char *needs)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", folder, file);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	(void)fprintf(
	    out, "return scenario { \"%s\", doc = \"for a test\", needs = { %s }, run = function(t) end }\n",
	    name, needs);
	(void)fclose(out);
}

static int make_folder(void **state)
{
	static const char *const parts[] = {"/scenarios", "/scenarios/protocols", "/other"};
	char path[256];

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		(void)snprintf(path, sizeof path, "%s%s", folder, parts[i]);
		if (mkdir(path, 0777) < 0)
			return -1;
	}
	put_scenario("scenarios/plain-a.lua", "plain-a", "");
	put_scenario("scenarios/plain-b.lua", "plain-b", "");
	put_scenario("scenarios/ask-a.lua", "ask-a", "\"protocol\"");
	put_scenario("scenarios/big-a.lua", "big-a", "\"big\"");
	put_scenario("other/mine.lua", "mine", "");
	return setenv("WRINGER_DATA", folder, 1);
}

static int drop_folder(void **state)
{
	char command[300];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* The names chosen, joined by blanks. */
static void join(const struct selection *selection, char *out, size_t size)
{
	size_t used = 0;

	*out = 0;
	for (size_t i = 0; i < selection->count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "",
					 selection->chosen[i]->name);
}

static size_t fill(const char *const *texts, char **words, char (*room)[256])
{
	size_t count = 0;

	for (; texts[count]; count++) {
		(void)snprintf(room[count], sizeof room[count], texts[count], folder);
		words[count] = room[count];
	}
	return count;
}

static void test_select(void **state)
{
	static const struct {
		const char *words[4]; /* %s: the folder */
		const char *only, *exclude;
		const char *chosen, *message; /* one of them */
	} rows[] = {
	    {{NULL}, NULL, NULL, "ask-a plain-a plain-b", NULL},
	    {{NULL}, "plain-*", NULL, "plain-a plain-b", NULL},
	    {{NULL}, NULL, "*-a", "plain-b", NULL},
	    {{NULL}, "*-a", "ask-*", "plain-a", NULL},
	    {{"plain-b"}, NULL, NULL, "plain-b", NULL},
	    {{"plain-b", "plain-?"}, NULL, NULL, "plain-a plain-b", NULL},
	    {{"big-a"}, NULL, NULL, "big-a", NULL}, /* named: the case will say why it is skipped */
	    {{"%s/other/mine.lua"}, NULL, NULL, "mine", NULL},
	    {{"%s/other/"}, NULL, NULL, "mine", NULL},
	    {{"%s/scenarios"}, NULL, NULL, "ask-a plain-a plain-b", NULL},
	    {{"%s/scenarios/plain-a.lua", "mine*", "%s/other"}, NULL, NULL, "mine plain-a", NULL},
	    {{"plain-c"}, NULL, NULL, NULL, "no scenario is called plain-c; did you mean plain-a?; see"},
	    {{"zzz*"}, NULL, NULL, NULL, "no scenario is called zzz*; see `wringer list scenarios`"},
	    {{"mine"}, NULL, NULL, NULL, "no scenario is called mine; see"},
	    {{NULL}, "plian-a", NULL, NULL, "no scenario is called plian-a; did you mean plain-a?"},
	    {{NULL}, NULL, "nothing", NULL, "no scenario is called nothing; see"},
	    {{NULL}, "plain-a", "plain-a", NULL, "no scenario selected"},
	    {{NULL},
	     "big-*",
	     NULL,
	     NULL,
	     "no scenario selected: none of the 1 wanted fits the protocol sample"},
	    {{"%s/missing.lua"}, NULL, NULL, NULL, "missing.lua"},
	    {{"%s"}, NULL, NULL, NULL, "no scenario (*.lua) in "},
	};
	const struct protocol protocol = {.name = "sample", .offers = PROTOCOL_REQUEST};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *words[4], room[4][256], chosen[256];
		struct settings settings;
		struct selection selection;
		struct error error = {0};
		settings_init(&settings);
		if (rows[i].only)
			assert_int_equal(text_list_add(&settings.scenarios, rows[i].only), 0);
		if (rows[i].exclude)
			assert_int_equal(text_list_add(&settings.excludes, rows[i].exclude), 0);
		int r = select_scenarios(&settings, words, fill(rows[i].words, words, room), &protocol,
					 &selection, &error);
		if (rows[i].chosen) {
			assert_int_equal(r, 0);
			join(&selection, chosen, sizeof chosen);
			assert_string_equal(chosen, rows[i].chosen);
		} else {
			assert_true(r < 0);
			assert_non_null(strstr(error.text, rows[i].message));
		}
		selection_free(&selection);
		settings_free(&settings);
	}
}

/* Shards are disjoint and together everything; a round has the seed that runs it again alone. */
static void test_rounds_and_shards(void **state)
{
	char *command[] = {(char *)"true", NULL};
	const struct protocol protocol = {.name = "sample", .offers = PROTOCOL_REQUEST};
	size_t seen = 0;

	(void)state;
	for (uint64_t shard = 1; shard <= 4; shard++) {
		struct settings settings;
		struct selection selection;
		struct plan plan;
		struct error error;
		settings_init(&settings);
		settings.seed = 100;
		settings.repeat = 3;
		settings.shard = shard;
		settings.shards = 4;
		assert_int_equal(select_scenarios(&settings, NULL, 0, &protocol, &selection, &error), 0);
		assert_int_equal(plan_targets(&settings, command, "sample", &plan, &error), 0);
		assert_int_equal(plan_cases(&settings, &selection, &protocol, NULL, &plan, &error), 0);
		for (size_t i = 0; i < plan.count; i++) {
			assert_int_equal(plan.cases[i].options.seed, 99 + plan.cases[i].round);
			assert_string_equal(plan.cases[i].options.target_name, "command");
		}
		seen += plan.count;
		plan_free(&plan);
		selection_free(&selection);
		settings_free(&settings);
	}
	assert_int_equal(seen, 9);
}

static void test_find_command(void **state)
{
	static const struct {
		const char *name;
		int code;
	} rows[] = {
	    {"true", 0},
	    {"/bin/true", 0},
	    {"no-such-command-here", -ENOENT},
	    {"/no/such", -ENOENT},
	    {"/etc/passwd/x", -ENOTDIR},
	    {"/tmp", -EISDIR},
	    {"", -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct error error = {0};
		assert_int_equal(plan_find_command(rows[i].name, &error), rows[i].code);
		assert_int_equal(error.text[0] != 0, rows[i].code != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_select),
	    cmocka_unit_test(test_rounds_and_shards),
	    cmocka_unit_test(test_find_command),
	};

	/* a folder of the caller's that may not be entered would be a reason of its own */
	(void)setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
