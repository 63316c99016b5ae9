/* SPDX-License-Identifier: MIT */
/*
 * The command as a whole, as scripts see it: exit status, one line on standard error, what is on standard
 * output. Runs $WRINGER_BIN; without it, or where there are no reference targets, the tests are skipped.
 *
 *   test ──fork──> wringer ──> a case's process ──> epoll-level
 *     └── SIGINT ──────^
 */
#include "test/check.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MOST 24

static char folder[] = "/tmp/wringer-binary-XXXXXX";

struct ran {
	int status;
	char out[1 << 16], err[1 << 13];
};

static int in_folder(const char *name, int flags)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return open(path, flags | O_CLOEXEC, 0600);
}

static size_t split(char *line, char **words)
{
	size_t count = 0;

	for (char *word = strtok(line, " "); word && count < WORDS_MOST - 1; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	return count;
}

/* Starts it in the test's folder with its output in files. */
static pid_t start(const char *line)
{
	char copy[512], *words[WORDS_MOST] = {getenv("WRINGER_BIN")};
	int out = in_folder("out", O_WRONLY | O_CREAT | O_TRUNC),
	    err = in_folder("err", O_WRONLY | O_CREAT | O_TRUNC);

	(void)snprintf(copy, sizeof copy, "%s", line);
	(void)split(copy, words + 1);
	assert_true(out >= 0 && err >= 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		/* A shell without job control starts what runs in the background with it ignored. */
		(void)signal(SIGINT, SIG_DFL);
		if (dup2(out, 1) < 0 || dup2(err, 2) < 0 || chdir(folder) < 0)
			_exit(126);
		(void)execv(words[0], words);
		_exit(127);
	}
	(void)close(out);
	(void)close(err);
	return child;
}

static void slurp(const char *name, char *text, size_t size)
{
	int fd = in_folder(name, O_RDONLY);

	assert_true(fd >= 0);
	ssize_t got = read(fd, text, size - 1);
	assert_true(got >= 0);
	text[got] = 0;
	(void)close(fd);
}

static void finish(pid_t child, struct ran *ran)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	ran->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	slurp("out", ran->out, sizeof ran->out);
	slurp("err", ran->err, sizeof ran->err);
}

static void run(const char *line, struct ran *ran)
{
	finish(start(line), ran);
}

/* What it said stands in the test's own output when the words are missing. */
static void assert_says(const char *said, const char *words)
{
	if (!strstr(said, words))
		fail_msg("no \"%s\" in:\n%s", words, said);
}

static void need_binary(void)
{
	if (!getenv("WRINGER_BIN"))
		skip();
}

static void need_targets(void)
{
	static struct ran ran;

	need_binary();
	run("list targets", &ran);
	if (ran.status != 0 || !strstr(ran.out, "epoll-level"))
		skip();
	run("list protocols", &ran);
	if (ran.status != 0 || !strstr(ran.out, "http"))
		skip();
}

static void put(const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void test_wrong_usage(void **state)
{
	static const struct {
		const char *line, *message; /* how it begins */
	} rows[] = {
	    {"", "wringer: no command; see `wringer -h`\n"},
	    {"chekc", "wringer: there is no command chekc; did you mean check?; see `wringer -h`\n"},
	    {"--foo", "wringer: there is no command --foo"},
	    {"check", "wringer: no server to check; give its command behind --, see `wringer check -h`\n"},
	    {"check ./server", "wringer: put -- before the command: wringer check [OPTIONS] -- ./server"},
	    {"check rst-idle -- true", "wringer: check takes no scenario (rst-idle)"},
	    {"check --foo -- true", "wringer: check has no option --foo; see `wringer check -h`\n"},
	    {"check --protocol http -- no-such-command", "wringer: command not found: no-such-command\n"},
	    {"check --target epoll-level -- true",
	     "wringer: --target and a command behind -- are two servers"},
	    {"check --rules no-such-rule --target epoll-level", "wringer: "},
	    {"run", "wringer: no scenario selected; name one"},
	    {"list", "wringer: list wants one of scenarios, rules, targets, faults, protocols\n"},
	    {"list rulse",
	     "wringer: there are no rulse to list; say scenarios, rules, targets, faults or protocols; did "
	     "you mean rules?\n"},
	    {"truth idle", "wringer: truth takes no words but the file behind --json\n"},
	    {"truth --json no/such/folder",
	     "wringer: cannot write no/such/folder: No such file or directory\n"},
	    {"truth --script no-such-file", "wringer: no-such-file: No such file or directory\n"},
	    {"truth --script /dev/null", "wringer: /dev/null:0: there are no steps\n"},
	    {"truth --script /dev/null --json", "wringer: truth --script has no JSON to print\n"},
	    {"explain", "wringer: explain wants one name"},
	    {"explain hup-spni", "wringer: nothing here is called hup-spni; did you mean hup-spin?\n"},
	    {"judge", "wringer: judge wants journal files"},
	    {"judge --json - --tap - x", "wringer: only one report can go to standard output\n"},
	    {"judge --json no/such/folder x",
	     "wringer: cannot write no/such/folder: No such file or directory\n"},
	    {"judge --show no-such-file", "wringer: no-such-file: "},
	    {"merge", "wringer: merge wants the JSON reports"},
	    {"merge no-such.json", "wringer: no-such.json: No such file or directory\n"},
	    {"check --shard 4/3 -- true",
	     "wringer: --shard wants I/N with I from 1 to N, such as 2/5, not \"4/3\"\n"},
	    {"check --shard 3 -- true", "wringer: --shard 3 wants an index: "},
	    {"watch --watch preload --pid 1", "wringer: --pid attaches by ptrace"},
	    {"watch --watch preload -- /sbin/ldconfig", "wringer: /sbin/ldconfig is linked statically"},
	    {"watch -- no-such-command", "wringer: command not found: no-such-command\n"},
	    {"watch", "wringer: no server to watch"},
	    {"check -c no-such.lua -- true", "wringer: no-such.lua: "},
	};
	static struct ran ran;

	(void)state;
	need_binary();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		run(rows[i].line, &ran);
		assert_int_equal(ran.status, 2);
		assert_string_equal(ran.out, "");
		assert_int_equal(strncmp(ran.err, rows[i].message, strlen(rows[i].message)), 0);
		assert_int_equal(strcspn(ran.err, "\n") + 1, strlen(ran.err)); /* one line */
	}
}

static void test_what_needs_no_server(void **state)
{
	static const struct {
		const char *line, *out; /* part of it */
	} rows[] = {
	    {"-h", "usage: wringer COMMAND"},
	    {"--version", "wringer 0."},
	    {"check -h", "--no-sandbox"},
	    {"check --help --seed 3", "usage: wringer check"},
	    {"truth --json", "\"format\":\t\"wringer-truth\""},
	    {"truth -q", " as predicted, 0 differ, 0 broken, "},
	    {"list --version", "wringer 0."},
	    {"list rules", "\nbusy-poll "},
	    {"list faults", "half-close "},
	    {"explain hup-spin", "How to mend it"},
	    {"explain vanish", "TCP_REPAIR"},
	    {"explain accept4", "EMFILE"},
	    {"--man", ".SH EXIT STATUS"},
	};
	static struct ran ran;

	(void)state;
	need_binary();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		run(rows[i].line, &ran);
		assert_int_equal(ran.status, 0);
		assert_string_equal(ran.err, "");
		assert_says(ran.out, rows[i].out);
	}
	run("list rules --json", &ran);
	cJSON *list = cJSON_Parse(ran.out);
	assert_true(cJSON_GetArraySize(list) > 10);
	assert_non_null(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "severity"));
	cJSON_Delete(list);
}

/* With SIGPIPE ignored, as some callers leave it: no message, no success. */
static void test_closed_pipe(void **state)
{
	int pipe_fds[2], status;
	char *words[] = {getenv("WRINGER_BIN"), (char *)"list", (char *)"rules", NULL};

	(void)state;
	need_binary();
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	(void)close(pipe_fds[0]);
	int err = in_folder("err", O_WRONLY | O_CREAT | O_TRUNC);
	pid_t child = fork();
	if (child == 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		(void)dup2(pipe_fds[1], 1);
		(void)dup2(err, 2);
		(void)execv(words[0], words);
		_exit(127);
	}
	(void)close(pipe_fds[1]);
	(void)close(err);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	static struct ran ran;
	slurp("err", ran.err, sizeof ran.err);
	assert_string_equal(ran.err, "");
}

static const char passes[] =
    "return scenario { \"passes\", doc = \"at once\", run = function(t) t:connect():fin() end }\n";
static const char fails[] =
    "return scenario { \"fails\", doc = \"at once\", run = function(t) t:fail(\"on purpose\") end }\n";
static const char breaks[] =
    "return scenario { \"breaks\", doc = \"at once\", run = function(t) t:broken(\"ours\") end }\n";
static const char skips[] =
    "return scenario { \"skips\", doc = \"at once\", run = function(t) t:skip(\"not here\") end }\n";
static const char waits[] =
    "return scenario { \"waits\", doc = \"for ever\", run = function(t) t:wait(100) end }\n";

static void test_exit_status(void **state)
{
	static const struct {
		const char *words;
		int status;
		const char *summary;
	} rows[] = {
	    {"passes.lua", 0, "1 passed, 0 failed, 0 broken, 0 skipped"},
	    {"passes.lua skips.lua", 0, "1 passed, 0 failed, 0 broken, 1 skipped"},
	    {"fails.lua passes.lua", 1, "1 passed, 1 failed, 0 broken, 0 skipped"},
	    {"fails.lua breaks.lua", 1, "0 passed, 1 failed, 1 broken, 0 skipped"},
	    {"breaks.lua passes.lua", 2, "1 passed, 0 failed, 1 broken, 0 skipped"},
	    {"skips.lua", 77, "0 passed, 0 failed, 0 broken, 1 skipped"},
	};
	static struct ran ran;
	char line[256];

	(void)state;
	need_targets();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		(void)snprintf(line, sizeof line, "run %s --seed 7 --color never", rows[i].words);
		run(line, &ran);
		assert_says(ran.out, rows[i].summary);
		assert_says(ran.out, "seed 7\n");
		assert_int_equal(ran.status, rows[i].status);
	}
	run("run fails.lua --seed 7", &ran);
	assert_says(ran.out, "on purpose");
	assert_says(ran.out, "again: wringer run fails.lua --seed 7 --target epoll-level\n");
}

static void test_report_on_stdout(void **state)
{
	static struct ran ran;

	(void)state;
	need_targets();
	run("run passes.lua skips.lua --json -", &ran);
	assert_int_equal(ran.status, 0);
	cJSON *root = cJSON_Parse(ran.out);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "cases")), 2);
	cJSON_Delete(root);
	assert_says(ran.err, "1 passed");
}

static unsigned passed_so_far(void)
{
	static struct ran ran;
	unsigned passed = 0;
	int fd = in_folder("r.json", O_RDONLY);

	if (fd < 0)
		return 0;
	(void)close(fd);
	slurp("r.json", ran.out, sizeof ran.out);
	/* Whole whenever it is looked at. */
	cJSON *root = cJSON_Parse(ran.out);
	assert_non_null(root);
	passed = (unsigned)cJSON_GetObjectItem(cJSON_GetObjectItem(root, "summary"), "passed")->valueint;
	cJSON_Delete(root);
	return passed;
}

/* Whether a temporary file lies beside a report. */
static bool half_written(void)
{
	char pattern[256];
	glob_t found;

	(void)snprintf(pattern, sizeof pattern, "%s/*.part", folder);
	bool any = glob(pattern, 0, NULL, &found) == 0;
	if (any)
		globfree(&found);
	return any;
}

/* One case is over, another will not end, a third has not begun: the reports say so, and nothing is left
 * behind. */
static void test_interrupted(void **state)
{
	static struct ran ran;

	(void)state;
	need_targets();
	pid_t child = start("run passes.lua waits.lua -n 3 -j 2 --json r.json --tap r.tap");
	for (int tries = 0; passed_so_far() < 1 && tries < 2000; tries++)
		(void)poll(NULL, 0, 10);
	assert_int_equal(kill(child, SIGINT), 0);
	finish(child, &ran);
	assert_int_equal(ran.status, 2);
	assert_says(ran.out, " not run");
	assert_true(passed_so_far() >= 1);
	slurp("r.tap", ran.out, sizeof ran.out);
	assert_says(ran.out, "\nBail out! ");
	assert_false(half_written());
}

static void test_dry_run(void **state)
{
	static struct ran ran;

	(void)state;
	need_targets();
	run("run passes.lua fails.lua --dry-run --seed 5 -t 3s", &ran);
	assert_int_equal(ran.status, 0);
	assert_string_equal(ran.out, "wringer run fails.lua --seed 5 --timeout 3s --target epoll-level\n"
				     "wringer run passes.lua --seed 5 --timeout 3s --target epoll-level\n");
}

/* The tests work in a folder of their own: a relative path would not be found from there. */
static int find_binary(void)
{
	const char *named = getenv("WRINGER_BIN");
	char *path = named ? realpath(named, NULL) : NULL;
	int r = path ? setenv("WRINGER_BIN", path, 1) : 0;

	free(path);
	return r;
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || find_binary() < 0)
		return -1;
	put("passes.lua", passes);
	put("fails.lua", fails);
	put("breaks.lua", breaks);
	put("skips.lua", skips);
	put("waits.lua", waits);
	return 0;
}

static int drop_folder(void **state)
{
	char command[300];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wrong_usage),	     cmocka_unit_test(test_what_needs_no_server),
	    cmocka_unit_test(test_closed_pipe),	     cmocka_unit_test(test_exit_status),
	    cmocka_unit_test(test_report_on_stdout), cmocka_unit_test(test_interrupted),
	    cmocka_unit_test(test_dry_run),
	};

	/* a folder of the caller's that may not be entered would be a reason of its own */
	(void)setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
