/* SPDX-License-Identifier: MIT */
/* accept-spin: accept without a free fd, again and again. */
#include "test/rules/story.h"

struct row {
	const char *name;
	int code;
	unsigned failures, us;
	unsigned success_every; /* 0 never */
	bool injected, broken;
};

static const struct row rows[] = {
    {"EMFILE, 51 times", EMFILE, 51, 10000, 0, false, true},
    {"EMFILE, 50 times", EMFILE, 50, 10000, 0, false, false},
    {"ENFILE", ENFILE, 200, 100, 0, false, true},
    {"ENOBUFS", ENOBUFS, 200, 100, 0, false, true},
    {"ENOMEM", ENOMEM, 200, 100, 0, false, true},
    {"EAGAIN is no shortage", EAGAIN, 1000, 100, 0, false, false},
    {"ECONNABORTED is none either", ECONNABORTED, 1000, 100, 0, false, false},
    {"a pause of 100 ms after each", EMFILE, 300, 100000, 0, false, false},
    {"a pause of 22 ms after each", EMFILE, 300, 22000, 0, false, false},
    {"a reserve fd closed each time", EMFILE, 1000, 100, 1, false, false},
    {"around the limit", EMFILE, 1000, 100, 40, false, false},
    {"success, but rarely", EMFILE, 1000, 100, 100, false, true},
    {"an injected window of 40", EMFILE, 40, 10, 0, true, false},
    {"an injected window of 100", EMFILE, 100, 10, 0, true, true},
};

static void play(const struct row *row)
{
	struct story s = story_new("accept-spin");

	for (unsigned i = 1; i <= row->failures; i++) {
		story_wait(&s, STORY_LISTENER, EPOLLIN);
		if (row->injected)
			story_injected(&s, CALL_accept4, STORY_LISTENER, -row->code);
		else
			story_accept(&s, STORY_LISTENER, -row->code, 0);
		if (row->success_every && i % row->success_every == 0) {
			story_accept(&s, STORY_LISTENER, 9, story_port(3));
			story_close(&s, 9);
		}
		story_later(&s, row->us);
	}
	if (row->broken)
		assert_int_equal(assert_broken(&s, "accept-spin")->fd, STORY_LISTENER);
	else
		assert_clean(&s);
	story_free(&s);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("   %s\n", rows[i].name);
		play(&rows[i]);
	}
}

static void test_message(void **state)
{
	struct story s = story_new(NULL);
	const struct finding *finding;

	(void)state;
	for (unsigned i = 0; i < 1001; i++) {
		story_accept(&s, STORY_LISTENER, -EMFILE, 0);
		story_later(&s, 499);
	}
	story_accept(&s, STORY_LISTENER, 9, story_port(3));
	finding = story_finding(&s, "accept-spin");
	assert_non_null(finding);
	assert_int_equal(finding->count, 1001);
	assert_string_equal(finding->message,
			    "listener fd 4 (port 8080): accept failed with EMFILE 1001 times in "
			    "0.50 s without a success");
	story_free(&s);
}

/* Six workers on one listener, each failing ten times: nobody spins. */
static void test_each_process_for_itself(void **state)
{
	struct story s = story_new("accept-spin");

	(void)state;
	for (int32_t pid = 201; pid <= 206; pid++) {
		story_as(&s, STORY_PID, STORY_PID);
		story_fork(&s, pid, 0);
		story_as(&s, pid, pid);
		for (unsigned i = 0; i < 10; i++)
			story_accept(&s, STORY_LISTENER, -EMFILE, 0);
	}
	assert_clean(&s);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_message),
	    cmocka_unit_test(test_each_process_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
