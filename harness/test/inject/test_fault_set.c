/* SPDX-License-Identifier: MIT */
/* The faults armed now: who is struck, how often, and that two threads may share them. */
#include "../check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include "inject/fault.h"

static struct fault parsed(const char *text)
{
	struct fault fault;
	struct error error;

	if (fault_parse(text, &fault, &error) < 0)
		fail_msg("%s", error.text);
	return fault;
}

static uint32_t armed(struct fault_set *set, const char *text)
{
	struct fault fault = parsed(text);
	uint32_t id = 0;

	assert_int_equal(fault_set_arm(set, &fault, &id), 0);
	assert_true(id > 0);
	return id;
}

static bool struck(struct fault_set *set, int32_t pid, enum call call, uint64_t op, int32_t fd, bool accepted,
		   struct fault *ret_hit)
{
	return fault_set_decide(set,
				&(struct fault_call){.pid = pid,
						     .call = call,
						     .op = op,
						     .fd = fd,
						     .accepted = accepted,
						     .peer = accepted ? 4000 : 0},
				ret_hit);
}

static void test_windows_count_for_each_process(void **state)
{
	struct fault_set *set = fault_set_new();
	struct fault hit;
	uint64_t delivered;
	uint32_t id;

	(void)state;
	assert_non_null(set);
	assert_false(fault_set_armed(set));
	id = armed(set, "accept4:EMFILE:2..3");
	assert_true(fault_set_armed(set));
	for (int pid = 10; pid < 12; pid++) {
		assert_false(struck(set, pid, CALL_accept4, 0, 3, false, &hit));
		assert_false(struck(set, pid, CALL_accept, 0, 3, false, &hit)); /* another call */
		assert_true(struck(set, pid, CALL_accept4, 0, 3, false, &hit));
		assert_int_equal(hit.id, id);
		assert_int_equal(hit.code, EMFILE);
		assert_true(struck(set, pid, CALL_accept4, 0, 3, false, &hit));
		assert_false(struck(set, pid, CALL_accept4, 0, 3, false, &hit));
	}
	assert_int_equal(fault_set_delivered(set, id), 4);
	assert_int_equal(fault_set_lift(set, id, &delivered), 0);
	assert_int_equal(delivered, 4);
	assert_int_equal(fault_set_delivered(set, id), 4);
	assert_int_equal(fault_set_lift(set, id, &delivered), -ENOENT);
	assert_false(fault_set_armed(set));
	fault_set_free(set);
}

/* Cleared it is as new: nothing strikes, numbers and counts begin anew. */
static void test_clear(void **state)
{
	struct fault_set *set = fault_set_new(), *fresh = fault_set_new();
	struct fault hit;

	(void)state;
	assert_non_null(set);
	assert_non_null(fresh);
	(void)armed(set, "accept4:EMFILE:1..2");
	assert_true(struck(set, 10, CALL_accept4, 0, 3, false, &hit));
	fault_set_clear(set);
	assert_false(fault_set_armed(set));
	assert_false(struck(set, 10, CALL_accept4, 0, 3, false, &hit));
	assert_int_equal(armed(set, "accept4:EMFILE:1..1"), armed(fresh, "accept4:EMFILE:1..1"));
	assert_true(struck(set, 10, CALL_accept4, 0, 3, false, &hit));
	assert_false(struck(set, 10, CALL_accept4, 0, 3, false, &hit));
	fault_set_free(set);
	fault_set_free(fresh);
}

static void test_only_where_it_is_meant(void **state)
{
	static const struct {
		const char *fault;
		bool other, seven, accepted; /* fd 8; fd 7; an accepted one, from port 4000 */
	} rows[] = {
	    {"@write:EPIPE", false, false, true},
	    {"@write:EPIPE@any", true, true, true},
	    {"@write:EPIPE@fd=7", false, true, false},
	    {"write:EPIPE", true, true, true},
	    {"write:EPIPE@accepted", false, false, true},
	    {"write:EPIPE@peer=4000", false, false, true},
	    {"write:EPIPE@peer=4001", false, false, false},
	    {"@write:delay=1ms@peer=4000", false, false, true},
	    {"@write:EPIPE@fd=9", false, false, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault_set *set = fault_set_new();
		struct fault hit;

		(void)armed(set, rows[i].fault);
		assert_int_equal(struck(set, 1, CALL_write, 0, 8, false, &hit), rows[i].other);
		assert_int_equal(struck(set, 1, CALL_write, 0, 7, false, &hit), rows[i].seven);
		assert_int_equal(struck(set, 1, CALL_write, 0, 9, true, &hit), rows[i].accepted);
		fault_set_free(set);
	}
}

static void test_the_first_armed_strikes_all_count(void **state)
{
	struct fault_set *set = fault_set_new();
	struct fault hit;
	uint32_t first = armed(set, "read:EIO:1"), second = armed(set, "@read:EINTR:1..2@any");

	(void)state;
	assert_true(struck(set, 1, CALL_read, 0, 3, false, &hit));
	assert_int_equal(hit.id, first);
	assert_true(struck(set, 1, CALL_read, 0, 3, false, &hit));
	assert_int_equal(hit.id, second);
	assert_false(struck(set, 1, CALL_read, 0, 3, false, &hit));
	assert_int_equal(fault_set_delivered(set, second), 1);
	fault_set_retract(set, second);
	assert_int_equal(fault_set_delivered(set, second), 0);
	fault_set_retract(set, second);
	fault_set_retract(set, 999);
	assert_int_equal(fault_set_delivered(set, second), 0);
	assert_int_equal(fault_set_delivered(set, 999), 0);
	fault_set_free(set);
}

static void test_nonsense_is_refused(void **state)
{
	static const struct fault rows[] = {
	    {.call = CALL_read, .first = 1},				/* neither errno nor length */
	    {.call = CALL_read, .code = EIO, .shorten = 1, .first = 1}, /* both */
	    {.call = CALL_read, .code = -EIO, .first = 1},		/* negative */
	    {.call = CALL_read, .code = EMFILE, .first = 1},		/* cannot be */
	    {.call = CALL_accept4, .shorten = 1, .first = 1},		/* cannot be */
	    {.call = CALL_read, .code = EIO, .first = 5, .last = 4},	/* backwards */
	    {.call = CALL_unknown, .class = CLASS_OTHER, .code = EIO, .first = 1}, /* no call at all */
	    {.call = CALL_COUNT, .code = EIO, .first = 1},
	};
	struct fault_set *set = fault_set_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t id = 55;

		assert_int_equal(fault_set_arm(set, &rows[i], &id), -EINVAL);
		assert_int_equal(id, 55);
	}
	assert_false(fault_set_armed(set));
	fault_set_free(set);
	fault_set_free(NULL);
}

/*
 *   scripting thread: arm, look, lift, again and again
 *   watching thread:  decide, as fast as it can, until told to end
 */
struct shared {
	struct fault_set *set;
	int rounds;
	uint64_t struck;
	_Atomic int over;
};

static void *watching(void *arg)
{
	struct shared *shared = arg;

	while (!shared->over) {
		struct fault hit;

		if (fault_set_armed(shared->set) && struck(shared->set, 1, CALL_read, 0, 3, true, &hit))
			shared->struck++;
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct shared shared = {.set = fault_set_new(), .rounds = 300};
	uint64_t delivered = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, watching, &shared), 0);
	for (int i = 0; i < shared.rounds; i++) {
		uint32_t id = armed(shared.set, "read:EIO:1..2");
		uint64_t count;

		while (!fault_set_delivered(shared.set, id))
			(void)sched_yield(); /* or, on one core, the lock is taken again before the other gets it */
		assert_int_equal(fault_set_lift(shared.set, id, &count), 0);
		delivered += count;
	}
	shared.over = 1;
	pthread_join(thread, NULL);
	assert_int_equal(shared.struck, delivered);
	fault_set_free(shared.set);
}

/* Registering can run out of watches; changing what is registered cannot, and is not counted either. */
static void test_operations(void **state)
{
	struct fault_set *set = fault_set_new();
	struct fault fault, hit;
	uint32_t id;

	(void)state;
	assert_int_equal(fault_parse("epoll_ctl:ENOSPC:2", &fault, NULL), 0);
	assert_int_equal(fault_set_arm(set, &fault, &id), 0);
	assert_false(struck(set, 1, CALL_epoll_ctl, EPOLL_CTL_ADD, 3, false, &hit));
	assert_false(struck(set, 1, CALL_epoll_ctl, EPOLL_CTL_MOD, 3, false, &hit));
	assert_false(struck(set, 1, CALL_epoll_ctl, EPOLL_CTL_DEL, 3, false, &hit));
	assert_true(struck(set, 1, CALL_epoll_ctl, EPOLL_CTL_ADD, 3, false, &hit));
	fault_set_free(set);
	assert_true(fault_parse("epoll_ctl:ENOENT", &fault, NULL) == 0);
	assert_false(fault_fits_op(&fault, CALL_epoll_ctl, EPOLL_CTL_ADD));
	assert_true(fault_fits_op(&fault, CALL_epoll_ctl, EPOLL_CTL_MOD));
	assert_true(fault_fits_op(&fault, CALL_accept4, 0));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_operations),
	    cmocka_unit_test(test_windows_count_for_each_process),
	    cmocka_unit_test(test_clear),
	    cmocka_unit_test(test_only_where_it_is_meant),
	    cmocka_unit_test(test_the_first_armed_strikes_all_count),
	    cmocka_unit_test(test_nonsense_is_refused),
	    cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
