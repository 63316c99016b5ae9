/* SPDX-License-Identifier: MIT */
/* What promise.h says, held against the model of the kernel, the table of masks, and this kernel's fdinfo. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "model/kernel.h"
#include "model/mask.h"
#include "model/promise.h"
#include "test/check.h"

static int set_up(void **state)
{
	*state = kernel_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	kernel_free(*state);
	return 0;
}

/* An eventfd that is readable all the time, in a set of its own: what is told of it first, again, and after
 * MOD. */
static void test_registrations(void **state)
{
	static const uint32_t ways[] = {0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT, EPOLLWAKEUP};
	struct kernel *kernel = *state;

	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct kernel_event event;
		struct kernel_interest interest;
		uint32_t events = EPOLLIN | ways[i];
		int fd = kernel_eventfd(kernel, 0, 1, false), set = kernel_epoll(kernel, 0);
		assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, fd, events, 1), 0);
		assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), 1);
		assert_int_equal(kernel_interests(kernel, 0, set, &interest, 1), 1);
		assert_int_equal(promise_is_spent(interest.events), promise_spends(events));
		int again = kernel_epoll_wait(kernel, 0, set, &event, 1);
		assert_int_equal(again, promise_is_level(events) && !promise_spends(events));
		assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_MOD, fd, events, 1), 0);
		int behind_mod = kernel_epoll_wait(kernel, 0, set, &event, 1);
		assert_int_equal(again == behind_mod, promise_mod_is_idle(events));
	}
	assert_false(promise_is_spent(EPOLLONESHOT | PROMISE_UNASKED)); /* armed, for these two alone */
}

static uint32_t shown_events(int set)
{
	char path[64], line[256];
	unsigned fd, events = 0;

	(void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", set);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof line, file))
		(void)sscanf(line, "tfd: %u events: %x", &fd, &events);
	(void)fclose(file);
	return events;
}

static void test_what_fdinfo_shows(void **state)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET | EPOLLONESHOT};
	int set = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(1, EFD_CLOEXEC);

	(void)state;
	assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	assert_int_equal(shown_events(set), event.events | PROMISE_UNASKED);
	assert_false(promise_is_spent(shown_events(set)));
	assert_int_equal(epoll_wait(set, &event, 1, 0), 1);
	assert_true(promise_is_spent(shown_events(set)));
	(void)close(fd);
	(void)close(set);
}

static void test_masks(void **state)
{
	static const struct {
		const char *row;
		bool end, death;
	} rows[] = {
	    {"idle", false, false},
	    {"data", false, false},
	    {"fin", true, false},
	    {"data-fin", true, false},
	    {"rst", true, true},
	    {"data-rst", true, true},
	    {"fin-write-rst", true, true},
	    {"fin-shut-writing", true, true},
	    {"shut-writing", false, false},
	    {"unix-half-close", true, false},
	    {"unix-closed", true, true},
	    {"keepalive-death", true, true},
	    {"refused", true, true},
	    {"pipe-writer-closed", true, true},
	    {"urgent", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t mask = mask_row_find(rows[i].row)->must;
		assert_int_equal(promise_tells_end(mask), rows[i].end);
		assert_int_equal(promise_tells_death(mask), rows[i].death);
	}
}

/* Every order of five ends and writes of a connection, as digits: its FIN came, or did not, when its state
 * says so. */
static void test_fin_came(void **state)
{
	enum { STEPS = 5, WAYS = 6 };
	struct kernel *kernel = *state;
	int seen = 0;

	for (int script = 0; script < WAYS * WAYS * WAYS * WAYS * WAYS; script++) {
		int pair[2];
		bool shut_reading = false;
		kernel_reset(kernel);
		assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
		for (int step = 0, rest = script; step < STEPS; step++, rest /= WAYS) {
			if (rest % WAYS == 0)
				(void)kernel_shutdown(kernel, 0, pair[0], KERNEL_SHUT_WR);
			else if (rest % WAYS == 1)
				(void)kernel_shutdown(kernel, 0, pair[1], KERNEL_SHUT_WR);
			else if (rest % WAYS == 2)
				(void)kernel_close(kernel, 0, pair[1]);
			else if (rest % WAYS == 3)
				(void)kernel_send(kernel, 0, pair[0], "a", 1);
			else if (rest % WAYS == 4)
				(void)kernel_send(kernel, 0, pair[1], "a", 1);
			else
				shut_reading |= kernel_shutdown(kernel, 0, pair[0], KERNEL_SHUT_RD) == 0;
			uint32_t mask;
			unsigned tcp = (unsigned)kernel_state(kernel, 0, pair[0]);
			assert_int_equal(kernel_mask(kernel, 0, pair[0], &mask), 0);
			if (tcp != TCP_CLOSE && !shut_reading)
				assert_int_equal(promise_fin_came(tcp), (mask & EPOLLRDHUP) != 0);
			else if (tcp == TCP_CLOSE)
				assert_false(promise_fin_came(tcp));
			seen += promise_fin_came(tcp);
		}
	}
	assert_true(seen > 0);
}

/* Room that ran out is told of when it is there again; where it did not, nothing is. */
static void test_met_full(void **state)
{
	struct kernel *kernel = *state;
	struct kernel_event event;
	int pair[2], set = kernel_epoll(kernel, 0);

	kernel_buffer(kernel, 1000);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, pair[0], EPOLLOUT | EPOLLET, 1), 0);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), 1);
	for (int round = 0; round < 3; round++) {
		size_t asked = round ? 1500 : 300;
		int64_t sent = kernel_send(kernel, 0, pair[0], NULL, asked);
		bool full = promise_met_full(sent, asked);
		assert_int_equal(full, round > 0);
		if (full) {
			sent = kernel_send(kernel, 0, pair[0], NULL, asked);
			assert_int_equal(sent, -EAGAIN);
			assert_true(promise_met_full(sent, asked) && promise_moved_nothing(sent));
		}
		while (kernel_receive(kernel, 0, pair[1], NULL, 100) > 0)
			;
		assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), full);
	}
	assert_false(promise_met_full(0, 3) || promise_met_full(-EPIPE, 3) ||
		     promise_moved_nothing(-ECONNRESET));
}

static void test_accept(void **state)
{
	struct kernel *kernel = *state;
	int listener = kernel_socket(kernel, 0, KERNEL_TCP), other = kernel_socket(kernel, 0, KERNEL_TCP);

	assert_int_equal(kernel_listen(kernel, 0, listener, 4), 0);
	assert_int_equal(kernel_connect(kernel, 0, other, kernel_port(kernel, 0, listener)), -EINPROGRESS);
	assert_int_equal(kernel_limit(kernel, 0, 2), 0);
	int r = kernel_accept(kernel, 0, listener);
	assert_true(promise_is_shortage(r) && promise_accept_goes_on(r));
	assert_int_equal(kernel_limit(kernel, 0, 3), 0);
	assert_true(kernel_accept(kernel, 0, listener) >= 0); /* and so it did */
	assert_true(promise_accept_goes_on(-ECONNABORTED) && !promise_is_shortage(-ECONNABORTED));
	assert_int_equal(kernel_limit(kernel, 0, 4), 0);
	assert_int_equal(kernel_accept(kernel, 0, other), -EINVAL);
	assert_false(promise_accept_goes_on(-EINVAL) || promise_accept_goes_on(-EBADF) ||
		     promise_accept_goes_on(-EAGAIN) || promise_is_shortage(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_registrations, set_up, tear_down),
	    cmocka_unit_test(test_what_fdinfo_shows),
	    cmocka_unit_test(test_masks),
	    cmocka_unit_test_setup_teardown(test_fin_came, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_met_full, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_accept, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
