/* SPDX-License-Identifier: MIT */
/* What is put on a tape comes back as it was, in its order. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "journal/tape.h"

struct listener {
	size_t count, stop_at;
	const struct event *expected;
};

static int listen_to(void *arg, const struct event *event)
{
	struct listener *listener = arg;
	const struct event *expected = &listener->expected[listener->count++];

	assert_int_equal(event->at, expected->at);
	assert_int_equal(event->what, expected->what);
	assert_int_equal(event->size, expected->size);
	if (expected->data)
		assert_memory_equal(event->data, expected->data, expected->size);
	else
		assert_null(event->data);
	assert_int_equal((uintptr_t)event->data % sizeof(uint64_t), 0);
	return listener->count == listener->stop_at ? -1 : 0;
}

static void test_order_and_data(void **state)
{
	const struct ready ready[] = {{.data = 7, .events = 1, .fd = -1}, {.data = 9, .events = 4, .fd = -1}};
	struct event events[4] = {event_make(EV_MARK, MARK_READY), event_make(EV_PEER, PEER_CONNECT),
				  event_make(EV_CALL, CALL_epoll_wait), event_make(EV_CALL, CALL_close)};
	struct listener listener = {.expected = events}, hasty = {.expected = events, .stop_at = 2};
	struct tape tape = {0};

	(void)state;
	events[1].data = "c1";
	events[1].size = 3;
	events[2].data = ready;
	events[2].size = sizeof ready;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 4; i++) {
			events[i].at = 100 * i + 1;
			assert_int_equal(tape_add(&tape, &events[i]), 0);
		}
		listener.count = hasty.count = 0;
		assert_int_equal(tape_play(&tape, listen_to, &listener), 0);
		assert_int_equal(listener.count, 4);
		assert_int_equal(tape_play(&tape, listen_to, &hasty), -1);
		assert_int_equal(hasty.count, 2);
		tape_clear(&tape);
		assert_int_equal(tape_play(&tape, listen_to, &listener), 0);
		assert_int_equal(listener.count, 4);
	}
	tape_free(&tape);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_and_data)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
