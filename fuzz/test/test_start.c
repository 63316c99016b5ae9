/* SPDX-License-Identifier: MIT */
/* The command line of a fuzz binary: each thing that would go wrong later is one clear line at once. */
#include "test/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fuzz/common/start.h"

static char folder[] = "/tmp/wringer-test-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 && mkdir("corpus", 0700) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink("crash");
	(void)rmdir("corpus");
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* The error's text, "" for a line that is fine. */
static void start(const char *word, char **ret_argv, struct error *error)
{
	char name[] = "fuzz_http", copy[256];
	char *argv[] = {name, copy, NULL}, **made = NULL;
	int argc = 0;

	(void)snprintf(copy, sizeof copy, "%s", word);
	*error = (struct error){0};
	int r = fuzz_start(&fuzz_http, word[0] ? 2 : 1, argv, &made, &argc, error);
	assert_int_equal(r, error->code);
	if (r == 0) {
		assert_null(made[argc]);
		assert_string_equal(made[argc - 1], word[0] ? word : "-timeout=20");
		*ret_argv = strdup(made[1]);
		free(made[1]);
		free(made);
	}
}

static void test_bad_words(void **state)
{
	static const struct {
		const char *word, *message;
		int code;
	} rows[] = {
	    {"missing", "fuzz_http: missing: No such file or directory", -ENOENT},
	    {"-artifact_prefix=missing/x-",
	     "fuzz_http: missing/: findings cannot be written there: No such file or directory", -ENOENT},
	    {"-exact_artifact_path=crash", "fuzz_http: crash: exists, and a finding is never overwritten",
	     -EEXIST},
	    {"-exact_artifact_path=crash/x",
	     "fuzz_http: crash/: findings cannot be written there: Not a directory", -ENOTDIR},
	    {"crash/corpus", "fuzz_http: crash/corpus: Not a directory", -ENOTDIR},
	};
	struct error error;
	char *limit = NULL;

	(void)state;
	FILE *crash = fopen("crash", "we");
	assert_non_null(crash);
	(void)fclose(crash);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		start(rows[i].word, &limit, &error);
		assert_string_equal(error.text, rows[i].message);
		assert_int_equal(error.code, rows[i].code);
	}
}

static void test_good_words(void **state)
{
	static const char *const words[] = {"", "corpus", "-runs=3", "-artifact_prefix=corpus/x-",
					    "-exact_artifact_path=other"};
	struct error error;
	char limit[64];

	(void)state;
	(void)snprintf(limit, sizeof limit, "-max_len=%zu", fuzz_http.limit);
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		char *first = NULL;
		start(words[i], &first, &error);
		assert_string_equal(error.text, "");
		assert_string_equal(first, limit);
		free(first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_words),
	    cmocka_unit_test(test_good_words),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
