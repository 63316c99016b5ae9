/* SPDX-License-Identifier: MIT */
/*
 * A child is told by a pipe what to do: to sleep in read, or to run in circles. Asked until it is so,
 * bounded: that it sleeps, that it does not while it runs, that it does again, and that who is gone is no
 * reason to wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "target/sleepers.h"

#define PATIENCE (10 * NS_PER_S)

/* Reads a byte at a time; 'r': runs until there is another one. */
static void child(int orders, int done)
{
	volatile unsigned long turns = 0;
	char order;

	while (read(orders, &order, 1) == 1) {
		if (order != 'r')
			continue;
		(void)!write(done, "r", 1);
		for (;;)
			turns++;
	}
	_exit(0);
}

/* Whether it comes to be so; many looks, for one alone may meet it on its way. */
static bool comes_to(struct sleepers *sleepers, pid_t pid, bool asleep)
{
	uint64_t until = clock_now() + PATIENCE;

	while (clock_now() < until) {
		if (sleepers_ask(sleepers, pid, pid) == asleep)
			return true;
	}
	return false;
}

static void test_states(void **state)
{
	struct sleepers *sleepers = sleepers_new();
	int orders[2], done[2];
	char word;
	pid_t pid;

	(void)state;
	assert_non_null(sleepers);
	assert_int_equal(pipe(orders), 0);
	assert_int_equal(pipe(done), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(orders[1]);
		child(orders[0], done[1]);
	}
	assert_true(comes_to(sleepers, pid, true));
	assert_true(sleepers_ask(sleepers, pid, pid));
	assert_int_equal(write(orders[1], "r", 1), 1);
	assert_int_equal(read(done[0], &word, 1), 1);
	/* from here on it is ready, though it may not have a CPU */
	assert_true(comes_to(sleepers, pid, false));
	for (int i = 0; i < 1000; i++)
		assert_false(sleepers_ask(sleepers, pid, pid));
	(void)kill(pid, SIGKILL);
	assert_true(comes_to(sleepers, pid, true)); /* it has not been waited for yet */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(sleepers_ask(sleepers, pid, pid));
	for (int i = 0; i < 2; i++) {
		(void)close(orders[i]);
		(void)close(done[i]);
	}
	sleepers_free(sleepers);
}

/* More than descriptors are kept for. */
static void test_many(void **state)
{
	struct sleepers *sleepers = sleepers_new();
	pid_t pids[80];
	int hold[2];

	(void)state;
	assert_int_equal(pipe(hold), 0);
	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char byte;

			(void)close(hold[1]);
			(void)!read(hold[0], &byte, 1);
			_exit(0);
		}
		assert_true(pids[i] > 0);
	}
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++)
			assert_true(comes_to(sleepers, pids[i], true));
	}
	(void)close(hold[0]);
	(void)close(hold[1]);
	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++)
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	sleepers_free(sleepers);
	sleepers_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_states), cmocka_unit_test(test_many)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
