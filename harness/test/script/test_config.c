/* SPDX-License-Identifier: MIT */
/* wringer.lua: what it says arrives as options and their texts; what is no option is refused with file and
 * line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "files.h"
#include "script/script.h"

/* "option=value;" in the order of the alphabet, for the order of the file is not kept. */
struct seen {
	char items[32][64];
	size_t count;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int each(void *arg, const char *option, const char *value, struct error *error)
{
	struct seen *seen = arg;

	if (strcmp(option, "colour") == 0)
		return error_set(error, -EINVAL, "there is no option %s", option);
	assert_true(seen->count < 32);
	(void)snprintf(seen->items[seen->count++], sizeof(seen->items[0]), "%s:%s", option, value);
	return 0;
}

static const struct config_row {
	const char *source;
	const char *seen; /* joined by ';', or NULL: an error */
	const char *error;
} rows[] = {
    {"return {}", "", NULL},
    {"return { jobs = 4, [\"time-scale\"] = 2.5, protocol = \"http\" }",
     "jobs:4;protocol:http;time-scale:2.5", NULL},
    {"return { verbose = true, quiet = false }", "verbose:true", NULL},
    {"return { exclude = { \"a\", \"b\" }, seed = 7 }", "exclude:a;exclude:b;seed:7", NULL},
    {"return { define = { path = \"/x\", n = 3 } }", "define:n=3;define:path=/x", NULL},
    {"local n = 2\nreturn { jobs = n * 2 }", "jobs:4", NULL},
    {"return 5", NULL, "wringer.lua:1: the file must return a table"},
    {"return {", NULL, "wringer.lua:1: unexpected symbol"},
    {"return { jobs = 4,\n\n colour = \"red\" }", NULL, "wringer.lua:3: there is no option colour"},
    {"return { jobs = function() end }", NULL, "wringer.lua:1: jobs takes a text"},
    {"return { exclude = { {} } }", NULL, "exclude takes a text"},
    {"return { \"jobs\" }", NULL, "every entry is an option = value"},
    {"x.y = 1", NULL, "wringer.lua:1: attempt to index"},
    {"while true do end", NULL, "runs on and on"},
};

static void options_arrive(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct seen seen = {.count = 0};
		struct error error = {0};
		char joined[512] = "";

		const char *path = files_write("wringer.lua", rows[i].source);
		int code = config_load(path, each, &seen, &error);
		qsort(seen.items, seen.count, sizeof(seen.items[0]), by_text);
		for (size_t k = 0; k < seen.count; k++) {
			strcat(joined, k ? ";" : "");
			strcat(joined, seen.items[k]);
		}
		if (rows[i].seen && (code != 0 || strcmp(joined, rows[i].seen) != 0))
			fail_msg("row %zu: %d \"%s\" \"%s\"", i, code, error.text, joined);
		if (!rows[i].seen && (code != -EINVAL || !strstr(error.text, rows[i].error)))
			fail_msg("row %zu: %d \"%s\"", i, code, error.text);
	}
	files_remove("wringer.lua");
}

static void a_missing_file_is_named(void **state)
{
	struct error error = {0};

	(void)state;
	assert_int_equal(config_load("/nonexistent/wringer.lua", each, NULL, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/wringer.lua"));
}

static int start(void **state)
{
	(void)state;
	return files_make();
}

static int stop(void **state)
{
	(void)state;
	return rmdir(files_folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_arrive),
	    cmocka_unit_test(a_missing_file_is_named),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
