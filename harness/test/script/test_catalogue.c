/* SPDX-License-Identifier: MIT */
/*
 * Scenario files that are right are read as they stand; every kind of mistake is refused with file, line and
 * what is wrong. The scenarios that come with wringer all load.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "files.h"
#include "peer/protocol.h"
#include "script/script.h"

static const struct wrong_row {
	const char *source;
	int line;
	const char *what;
} wrong_rows[] = {
    {"return scenario {\n \"x\"\n doc = 1 }", 3, "'}' expected"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n  dco = 1 }", 2, "unknown key \"dco\""},
    {"return scenario { \"x\", doc = 7, run = function(t) end }", 1, "doc must be a text, not number"},
    {"return scenario { \"x\",\n doc = \"a\\nb\", run = function(t) end }", 2, "one line"},
    {"return scenario { \"x\", run = function(t) end }", 1, "lacks the key \"doc\""},
    {"return scenario { \"x\", doc = \"d\" }", 1, "lacks the key \"run\""},
    {"return scenario { \"x\", doc = \"d\",\n\n run = 1 }", 3, "run must be a function"},
    {"return scenario { \"y\", doc = \"d\", run = function(t) end }", 1, "called \"y\", the file \"x\""},
    {"return scenario { \"X y\", doc = \"d\", run = function(t) end }", 1, "a-z, 0-9"},
    {"return scenario { doc = \"d\", run = function(t) end }", 1, "a-z, 0-9"},
    {"return scenario { \"x\", \"z\", doc = \"d\", run = function(t) end }", 1, "unknown key number"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n needs = { \"patrial\" } }", 2,
     "unknown word \"patrial\""},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n needs = { partial = true } }", 2,
     "unknown word"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end, needs = \"partial\" }", 1,
     "table of words"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n fd_limit = 1.5 }", 2, "whole number"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n fd_limit = 2 }", 2, "from 8"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n knobs = { [\"net/../../x\"] = 1 } }", 2,
     "knobs takes"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n knobs = { [\"kernel/panic\"] = 1 } }", 2,
     "knobs takes"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end,\n knobs = { [\"net/a\"] = {} } }", 2,
     "knobs takes"},
    {"local x = 1\nreturn { \"x\" }", 1, "must end with: return scenario"},
    {"scenario { \"x\" }\nreturn 5", 1, "must end with: return scenario"},
    {"local x = 1\nreturn scenario(nil)", 2, "table expected"},
    {"local a\nlocal b = a.b\nreturn scenario {}", 2, "attempt to index a nil value"},
    {"\nundefined_function()", 2, "attempt to call a nil value"},
    {"local n = 0\nwhile true do n = n + 1 end", 2, "runs on and on"},
    {"while true do\n pcall(function() while true do end end)\nend", 2, "runs on and on"},
    {"while true do\n coroutine.wrap(function() while true do end end)() end", 2, "runs on and on"},
    {"\nlocal s = (\"x\"):rep(1 << 40)", 2, "resulting string too large"},
    {"\nerror({})", 0, "error object is a table value"},
    {"\nos.exit(1)", 2, "global 'os'"},
    {"\nio.open(\"x\")", 2, "global 'io'"},
    {"\nrequire(\"x\")", 2, "global 'require'"},
    {"\nload(\"x\")", 2, "global 'load'"},
    {"\nprint(math.random())", 2, "attempt to call a nil value"},
    {"local p = use \"lib.nothing\"", 1, "there is no lib/nothing.lua"},
    {"local p = use \"../etc/passwd\"", 1, "use takes a name"},
    {"local p = use \"..lib\"", 1, "use takes a name"},
    {"\x1bLua", 0, "attempt to load a binary chunk"},
    {"return scenario { \"x\", doc = \"d\", run = function(t) end, why = {} }", 1,
     "why must be a text, not table"},
};

static void mistakes_are_placed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong_rows) / sizeof(*wrong_rows); i++) {
		const struct wrong_row *row = &wrong_rows[i];
		struct catalogue *catalogue = NULL;
		struct error error = {0};
		char place[300];

		files_write("x.lua", row->source);
		int code = catalogue_load(files_folder, &catalogue, &error);
		(void)snprintf(place, sizeof(place), "%s:%d: ", files_path("x.lua"), row->line);
		if (code >= 0 || (row->line && !strstr(error.text, place)) ||
		    !strstr(error.text, row->what) || strchr(error.text, '\n'))
			fail_msg("row %zu: %d \"%s\" (wanted \"%s…%s\")", i, code, error.text, place,
				 row->what);
	}
	files_remove("x.lua");
}

static void memory_is_bounded(void **state)
{
	struct catalogue *catalogue = NULL;
	struct error error = {0};

	(void)state;
	files_write("x.lua", "local t = {}\nwhile true do t[#t + 1] = (\"x\"):rep(1 << 26) .. #t end");
	assert_int_equal(catalogue_load(files_folder, &catalogue, &error), -ENOMEM);
	assert_non_null(strstr(error.text, "not enough memory"));
	files_remove("x.lua");
}

static void a_file_is_read_as_it_stands(void **state)
{
	struct catalogue *catalogue = NULL;
	struct error error = {0};

	(void)state;
	files_write("b-2.lua", "return scenario { \"b-2\", doc = \"two\", run = function(t) end }");
	files_write(
	    "a-1.lua",
	    "local lib = use \"lib.shared\"\n"
	    "return scenario { \"a-1\", doc = lib.doc, why = \"because\\nso\", fd_limit = 64,\n"
	    "  needs = { \"partial\", \"inject\" }, knobs = { [\"net/ipv4/tcp_wmem\"] = \"1 2 3\" },\n"
	    "  run = function(t) end }");
	assert_int_equal(mkdir(files_path("lib"), 0700), 0);
	files_write("lib/shared.lua", "return { doc = \"one\" }");
	assert_int_equal(catalogue_load(files_folder, &catalogue, &error), 0);
	assert_int_equal(catalogue_count(catalogue), 2);
	const struct scenario *scenario = catalogue_at(catalogue, 0);
	assert_string_equal(scenario->name, "a-1");
	assert_string_equal(scenario->doc, "one");
	assert_string_equal(scenario->why, "because\nso");
	assert_string_equal(scenario->file, files_path("a-1.lua"));
	assert_int_equal(scenario->offers, PROTOCOL_REQUEST | PROTOCOL_PARTIAL);
	assert_int_equal(scenario->needs, NEED_WATCH | NEED_INJECT | NEED_SANDBOX);
	assert_int_equal(scenario->fd_limit, 64);
	assert_int_equal(scenario->knob_count, 1);
	assert_string_equal(scenario->knobs[0].name, "net/ipv4/tcp_wmem");
	assert_string_equal(scenario->knobs[0].value, "1 2 3");
	assert_non_null(scenario->play);
	assert_string_equal(catalogue_at(catalogue, 1)->name, "b-2");
	assert_int_equal(catalogue_add(catalogue, files_path("b-2.lua"), &error), -EEXIST);
	assert_non_null(strstr(error.text, "b-2"));
	assert_int_equal(catalogue_count(catalogue), 2);
	catalogue_free(catalogue);
	files_remove("lib/shared.lua");
	files_remove("lib");
	files_remove("a-1.lua");
	files_remove("b-2.lua");
}

static void missing_things_are_named(void **state)
{
	struct catalogue *catalogue = NULL;
	struct error error = {0};

	(void)state;
	assert_int_equal(catalogue_load("/nonexistent/folder", &catalogue, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/folder"));
	assert_int_equal(catalogue_load(files_folder, &catalogue, &error), 0);
	assert_int_equal(catalogue_count(catalogue), 0);
	assert_int_equal(catalogue_add(catalogue, files_path("none.lua"), &error), -ENOENT);
	assert_non_null(strstr(error.text, "none.lua"));
	catalogue_free(catalogue);
	catalogue_free(NULL);
}

static void ours_all_load(void **state)
{
	struct catalogue *catalogue = NULL;
	struct error error = {0};

	(void)state;
	if (catalogue_load("scenarios", &catalogue, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(catalogue_count(catalogue) > 30);
	for (size_t i = 0; i < catalogue_count(catalogue); i++)
		assert_non_null(catalogue_at(catalogue, i)->why);
	catalogue_free(catalogue);
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
	    cmocka_unit_test(mistakes_are_placed),
	    cmocka_unit_test(memory_is_bounded),
	    cmocka_unit_test(a_file_is_read_as_it_stands),
	    cmocka_unit_test(missing_things_are_named),
	    cmocka_unit_test(ours_all_load),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
