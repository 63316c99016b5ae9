/* SPDX-License-Identifier: MIT */
/* The model of the kernel by hand: what is easier said in C than in a script of fuzz/scripts. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include "model/kernel.h"
#include "test/check.h"

#define DEAD (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP)
#define ALL  (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI)

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

/* Of the bits that the mask table knows. */
static uint32_t mask(struct kernel *kernel, int fd)
{
	uint32_t must = 0, may = 0;

	assert_int_equal(kernel_poll(kernel, 0, fd, &must, &may), 0);
	assert_int_equal(must & may, 0);
	return must & (ALL | EPOLLERR | EPOLLHUP);
}

static void test_ends_of_a_tcp_connection(void **state)
{
	struct kernel *kernel = *state;
	int pair[2];
	char bytes[8] = "";

	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
	assert_int_equal(mask(kernel, pair[0]), EPOLLOUT);
	assert_int_equal(kernel_send(kernel, 0, pair[1], "abc", 3), 3);
	assert_int_equal(mask(kernel, pair[0]), EPOLLIN | EPOLLOUT);
	assert_int_equal(kernel_peek(kernel, 0, pair[0], bytes, 8), 3);
	assert_string_equal(bytes, "abc");
	assert_int_equal(kernel_close(kernel, 0, pair[1]), 0);
	assert_int_equal(mask(kernel, pair[0]), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	assert_int_equal(kernel_send(kernel, 0, pair[0], "d", 1), 1);
	assert_int_equal(mask(kernel, pair[0]), DEAD | EPOLLERR);
	assert_int_equal(kernel_so_error(kernel, 0, pair[0]), EPIPE);
	assert_int_equal(mask(kernel, pair[0]), DEAD);
	assert_int_equal(kernel_receive(kernel, 0, pair[0], bytes, 8), 3);
	assert_int_equal(kernel_receive(kernel, 0, pair[0], bytes, 8), 0);
	assert_int_equal(kernel_send(kernel, 0, pair[0], "d", 1), -EPIPE);
}

static void test_a_reset_keeps_what_had_arrived(void **state)
{
	struct kernel *kernel = *state;
	int pair[2];

	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
	assert_int_equal(kernel_send(kernel, 0, pair[1], "abc", 3), 3);
	assert_int_equal(kernel_linger(kernel, 0, pair[1], true), 0);
	assert_int_equal(kernel_close(kernel, 0, pair[1]), 0);
	assert_int_equal(mask(kernel, pair[0]), DEAD | EPOLLERR);
	assert_int_equal(kernel_receive(kernel, 0, pair[0], NULL, 8), 3);
	assert_int_equal(kernel_receive(kernel, 0, pair[0], NULL, 8), -ECONNRESET);
	assert_int_equal(kernel_receive(kernel, 0, pair[0], NULL, 8), 0);
}

static void test_listening(void **state)
{
	struct kernel *kernel = *state;
	int listener = kernel_socket(kernel, 0, KERNEL_TCP), client = kernel_socket(kernel, 0, KERNEL_TCP);
	int port = kernel_bind(kernel, 0, listener, 0);

	assert_true(port > 0);
	assert_int_equal(kernel_listen(kernel, 0, listener, 0), 0);
	assert_int_equal(kernel_connect(kernel, 0, client, port), -EINPROGRESS);
	assert_int_equal(kernel_connect(kernel, 0, client, port), 0);
	assert_int_equal(kernel_connect(kernel, 0, client, port), -EISCONN);
	int late = kernel_socket(kernel, 0, KERNEL_TCP);
	assert_int_equal(kernel_connect(kernel, 0, late, port), -EINPROGRESS); /* the queue is full */
	assert_int_equal(kernel_connect(kernel, 0, late, port), -EALREADY);
	assert_int_equal(mask(kernel, late), 0);
	int conn = kernel_accept(kernel, 0, listener);
	assert_true(conn > 0);
	assert_int_equal(kernel_accept(kernel, 0, listener), -EAGAIN);
	assert_int_equal(kernel_peer_port(kernel, 0, conn), kernel_port(kernel, 0, client));
	assert_true(kernel_next(kernel) == 1000000000u);
	kernel_advance(kernel, kernel_next(kernel));
	assert_int_equal(mask(kernel, late), EPOLLOUT);
	assert_true(kernel_limit(kernel, 0, 3) == 0 && kernel_accept(kernel, 0, listener) == -EMFILE);
	assert_int_equal(kernel_close(kernel, 0, listener), 0);
	assert_int_equal(mask(kernel, late), DEAD | EPOLLERR);
	assert_int_equal(mask(kernel, conn), EPOLLOUT);
}

static int wait_one(struct kernel *kernel, int set, uint64_t *ret_data)
{
	struct kernel_event event = {0};
	int r = kernel_epoll_wait(kernel, 0, set, &event, 1);

	*ret_data = event.data;
	return r;
}

static void test_level_edge_and_one_shot(void **state)
{
	struct kernel *kernel = *state;
	struct kernel_event events[4];
	int set = kernel_epoll(kernel, 0), level[2], edge[2], once[2];
	uint64_t data;

	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, level), 0);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, edge), 0);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, once), 0);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, level[0], EPOLLIN, 1), 0);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, edge[0], EPOLLIN | EPOLLET, 2), 0);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, once[0], EPOLLIN | EPOLLONESHOT, 3), 0);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, once[0], EPOLLIN, 3), -EEXIST);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, events, 4), 0);
	(void)kernel_send(kernel, 0, once[1], "a", 1);
	(void)kernel_send(kernel, 0, level[1], "a", 1);
	(void)kernel_send(kernel, 0, edge[1], "a", 1);
	assert_true(wait_one(kernel, set, &data) == 1 && data == 3);
	assert_true(wait_one(kernel, set, &data) == 1 && data == 1);
	assert_true(wait_one(kernel, set, &data) == 1 && data == 2);
	assert_true(wait_one(kernel, set, &data) == 1 && data == 1);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_MOD, once[0], EPOLLIN | EPOLLET, 4), 0);
	assert_true(wait_one(kernel, set, &data) == 1 && data == 1);
	assert_true(wait_one(kernel, set, &data) == 1 && data == 4);
	assert_int_equal(kernel_close(kernel, 0, level[0]), 0);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, events, 4), 0);
}

static void test_full_and_room_again(void **state)
{
	struct kernel *kernel = *state;
	struct kernel_event event;
	int set = kernel_epoll(kernel, 0), pair[2];

	kernel_buffer(kernel, 100);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, pair[0], EPOLLOUT | EPOLLET, 1), 0);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), 1);
	assert_int_equal(kernel_send(kernel, 0, pair[0], NULL, 200), 100);
	assert_int_equal(kernel_send(kernel, 0, pair[0], NULL, 200), -EAGAIN);
	assert_int_equal(kernel_receive(kernel, 0, pair[1], NULL, 32), 32);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), 0);
	assert_int_equal(kernel_receive(kernel, 0, pair[1], NULL, 1), 1);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), 1);
}

static void test_one_who_vanished(void **state)
{
	struct kernel *kernel = *state;
	int pair[2];

	kernel_buffer(kernel, 10);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
	assert_int_equal(kernel_vanish(kernel, 0, pair[1]), 0);
	assert_int_equal(kernel_close(kernel, 0, pair[1]), 0);
	assert_int_equal(mask(kernel, pair[0]), EPOLLOUT);
	assert_int_equal(kernel_send(kernel, 0, pair[0], NULL, 20), 10);
	assert_int_equal(kernel_send(kernel, 0, pair[0], NULL, 20), -EAGAIN);
	assert_int_equal(mask(kernel, pair[0]), 0);
	assert_int_equal(kernel_shutdown(kernel, 0, pair[0], KERNEL_SHUT_WR), 0);
	assert_int_equal(kernel_state(kernel, 0, pair[0]), TCP_FIN_WAIT1);
}

static void test_reset_gives_everything_back(void **state)
{
	struct kernel *kernel = *state;
	int pair[2], ends[2];

	for (int round = 0; round < 3 * KERNEL_FILES; round++) {
		int set = kernel_epoll(kernel, 0);
		assert_int_equal(set, 0);
		assert_int_equal(kernel_pair(kernel, 0, round % 2 ? KERNEL_TCP : KERNEL_UNIX, pair), 0);
		assert_int_equal(kernel_pipe(kernel, 0, ends), 0);
		assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, pair[0], EPOLLIN, 1), 0);
		assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, ends[0], EPOLLIN, 1), 0);
		if (!(round % 2)) /* a socket that travels to itself */
			assert_int_equal(kernel_pass(kernel, 0, pair[0], pair[1]), 1);
		assert_true(kernel_fork(kernel, 0) == 1 && kernel_fork(kernel, 1) == 2);
		kernel_reset(kernel);
	}
}

static void test_refusals(void **state)
{
	struct kernel *kernel = *state;
	struct kernel_event event;
	uint32_t must, may;
	int pair[2], tcp[2], file = kernel_plain_file(kernel, 0), set = kernel_epoll(kernel, 0);

	assert_int_equal(kernel_pair(kernel, 0, KERNEL_UNIX, pair), 0);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, tcp), 0);
	assert_int_equal(kernel_fork(kernel, 9), -ESRCH);
	assert_int_equal(kernel_exit(kernel, 9), -ESRCH);
	assert_int_equal(kernel_limit(kernel, 9, 1), -ESRCH);
	assert_int_equal(kernel_epoll(kernel, 9), -ESRCH);
	assert_int_equal(kernel_file(kernel, 0, 99), -EBADF);
	assert_int_equal(kernel_file(kernel, 0, file), 1);
	assert_int_equal(kernel_poll(kernel, 0, 99, &must, &may), -EBADF);
	assert_int_equal(kernel_peek(kernel, 0, 99, NULL, 1), -EBADF);
	assert_int_equal(kernel_peek(kernel, 0, file, NULL, 1), -ENOTSOCK);
	assert_int_equal(kernel_pass(kernel, 0, 99, file), -EBADF);
	assert_int_equal(kernel_pass(kernel, 0, file, file), -ENOTSOCK);
	assert_int_equal(kernel_pass(kernel, 0, tcp[0], file), -EINVAL);
	assert_int_equal(kernel_pass(kernel, 0, pair[0], 99), -EBADF);
	assert_int_equal(kernel_take(kernel, 0, 99), -EBADF);
	assert_int_equal(kernel_take(kernel, 0, file), -ENOTSOCK);
	assert_int_equal(kernel_take(kernel, 0, tcp[0]), -EINVAL);
	assert_int_equal(kernel_take(kernel, 0, pair[1]), -EAGAIN);
	assert_int_equal(kernel_send(kernel, 0, pair[0], "a", 1), 1);
	assert_int_equal(kernel_take(kernel, 0, pair[1]), -ENODATA);
	assert_int_equal(kernel_vanish(kernel, 0, pair[0]), -ENOTCONN);
	assert_int_equal(kernel_vanish(kernel, 0, file), -ENOTSOCK);
	assert_int_equal(kernel_bind(kernel, 0, tcp[0], 80), -EINVAL);
	assert_int_equal(kernel_bind(kernel, 0, file, 80), -ENOTSOCK);
	assert_int_equal(kernel_listen(kernel, 0, file, 1), -ENOTSOCK);
	assert_int_equal(kernel_listen(kernel, 0, tcp[0], 1), -EINVAL);
	assert_int_equal(kernel_shutdown(kernel, 0, tcp[0], 7), -EINVAL);
	assert_int_equal(kernel_port(kernel, 0, file), -ENOTSOCK);
	assert_int_equal(kernel_peer_port(kernel, 0, file), -ENOTSOCK);
	assert_int_equal(kernel_state(kernel, 0, file), -ENOTSOCK);
	assert_int_equal(kernel_queued(kernel, 0, 99), -EBADF);
	assert_int_equal(kernel_timer(kernel, 0, file, 1, 0), -EINVAL);
	assert_int_equal(kernel_timer(kernel, 0, 99, 1, 0), -EBADF);
	assert_int_equal(kernel_sleep(kernel, 0, 99, 1), -EBADF);
	assert_int_equal(kernel_sleep(kernel, 0, file, 1), -EINVAL);
	assert_int_equal(kernel_slept(kernel, 0, &event), -ESRCH);
	assert_int_equal(kernel_interrupt(kernel, 0), -ESRCH);
	for (int i = 0; i < KERNEL_SLEEPERS; i++)
		assert_int_equal(kernel_sleep(kernel, 0, set, 1), i);
	assert_int_equal(kernel_sleep(kernel, 0, set, 1), -EAGAIN);
	assert_int_equal(kernel_interrupt(kernel, 3), 0);
	assert_int_equal(kernel_sleep(kernel, 0, set, 1), 3);
	int unbound = kernel_socket(kernel, 0, KERNEL_TCP), other = kernel_socket(kernel, 0, KERNEL_TCP);
	assert_int_equal(kernel_bind(kernel, 0, unbound, 80), 80);
	assert_int_equal(kernel_bind(kernel, 0, other, 80), -EADDRINUSE);
	assert_int_equal(kernel_peer_port(kernel, 0, unbound), -ENOTCONN);
}

/* A thread in poll looks for its number each time it is woken, and sleeps on where another was faster. */
static void test_pollers(void **state)
{
	struct kernel *kernel = *state;
	struct kernel_event events[KERNEL_TAKEN];
	int set = kernel_epoll(kernel, 0), fd = kernel_eventfd(kernel, 0, 0, false);

	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, fd, EPOLLIN | EPOLLET, 7), 0);
	int one = kernel_sleep_poll(kernel, 0, set, 1), other = kernel_sleep_poll(kernel, 0, set, 1);
	assert_int_equal(kernel_slept(kernel, one, events), -EAGAIN);
	assert_int_equal(kernel_send(kernel, 0, fd, &(uint64_t){1}, 8), 8);
	assert_int_equal(kernel_slept(kernel, one, events), -EAGAIN); /* it has not run yet */
	kernel_run(kernel);
	assert_int_equal(kernel_is_back(kernel, one) + kernel_is_back(kernel, other), 1);
	int back = kernel_is_back(kernel, one) ? one : other, asleep = back == one ? other : one;
	assert_int_equal(kernel_peek_slept(kernel, back, events), 1);
	assert_int_equal(kernel_slept(kernel, back, events), 1);
	assert_int_equal(events[0].data, 7);
	assert_int_equal(kernel_slept(kernel, back, events), -ESRCH);
	assert_int_equal(kernel_close(kernel, 0, set), 0);
	kernel_run(kernel);
	assert_false(kernel_is_back(kernel, asleep)); /* it keeps the set, and nobody woke it */
	assert_int_equal(kernel_send(kernel, 0, fd, &(uint64_t){1}, 8), 8);
	kernel_run(kernel);
	assert_int_equal(kernel_slept(kernel, asleep, events), -EBADF);
	assert_int_equal(kernel_sleep_poll(kernel, 0, set, 1), -EBADF);
	assert_int_equal(kernel_sleep_poll(kernel, 0, fd, 1), -EINVAL);
}

/* What the scripts cannot see of an urgent byte: which it is, what stands at the front, who has none. */
static void test_urgent(void **state)
{
	struct kernel *kernel = *state;
	int pair[2], near[2], set = kernel_epoll(kernel, 0);
	char byte = 0;

	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
	assert_int_equal(kernel_send_urgent(kernel, 0, pair[1], "ab!", 3), 3);
	assert_int_equal(kernel_send(kernel, 0, pair[1], "cd", 2), 2);
	assert_int_equal(kernel_queued(kernel, 0, pair[0]), 2);
	assert_int_equal(kernel_receive_urgent(kernel, 0, pair[0], &byte), 1);
	assert_int_equal(byte, '!');
	assert_int_equal(kernel_receive(kernel, 0, pair[0], NULL, 8), 2);
	assert_int_equal(kernel_at_mark(kernel, 0, pair[0]), 1);
	assert_int_equal(kernel_queued(kernel, 0, pair[0]), 0);
	assert_memory_equal(kernel_front(kernel, 0, pair[0]), "cd", 2);
	assert_int_equal(kernel_receive(kernel, 0, pair[0], NULL, 8), 2);
	assert_int_equal(kernel_at_mark(kernel, 0, pair[0]), 0);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_UNIX, near), 0);
	assert_int_equal(kernel_send_urgent(kernel, 0, near[0], "!", 1), -EOPNOTSUPP);
	assert_int_equal(kernel_receive_urgent(kernel, 0, set, &byte), -ENOTSOCK);
	assert_int_equal(kernel_inline(kernel, 0, 99, true), -EBADF);
	assert_int_equal(kernel_low_water(kernel, 0, set, 1), -ENOTSOCK);
	assert_int_equal(kernel_low_water(kernel, 0, near[0], 3), 0);
	assert_int_equal(kernel_send(kernel, 0, near[1], "a", 1), 1);
	assert_true(mask(kernel, near[0]) & EPOLLIN); /* unix_poll does not look at it */
}

/* Messages: what their sockets are not, how much waits, and one that is larger than all room. */
static void test_messages(void **state)
{
	struct kernel *kernel = *state;
	int in_order[2], loose[2];

	kernel_buffer(kernel, 1000);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_PACKET, in_order), 0);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_DATAGRAM, loose), 0);
	assert_int_equal(kernel_family_of(kernel, 0, in_order[0]), KERNEL_PACKET);
	assert_int_equal(kernel_family_of(kernel, 0, loose[0]), KERNEL_DATAGRAM);
	assert_int_equal(kernel_connect(kernel, 0, loose[0], 80), -EOPNOTSUPP);
	assert_int_equal(kernel_listen(kernel, 0, in_order[0], 1), -EOPNOTSUPP);
	assert_int_equal(kernel_accept(kernel, 0, loose[0]), -EOPNOTSUPP);
	assert_int_equal(kernel_accept(kernel, 0, in_order[0]), -EINVAL);
	assert_int_equal(kernel_send(kernel, 0, in_order[0], NULL, 1000), -EMSGSIZE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kernel_send(kernel, 0, in_order[0], "abc", 3), 3);
		assert_int_equal(kernel_send(kernel, 0, loose[0], "abc", 3), 3);
	}
	assert_int_equal(kernel_queued(kernel, 0, in_order[1]), 6);
	assert_int_equal(kernel_queued(kernel, 0, loose[1]), 3);
	assert_int_equal(kernel_queued(kernel, 0, loose[0]), 0);
	assert_int_equal(kernel_send(kernel, 0, in_order[0], NULL, 900), 900);
	assert_false(mask(kernel, in_order[0]) & EPOLLOUT);
	assert_int_equal(kernel_send(kernel, 0, in_order[0], NULL, 900), 900);
	assert_int_equal(kernel_send(kernel, 0, in_order[0], NULL, 1), -EAGAIN);
}

static void test_limits(void **state)
{
	struct kernel *kernel = *state;
	int pair[2], made = 0;

	assert_int_equal(kernel_limit(kernel, 0, 3), 0);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), 0);
	assert_int_equal(kernel_pair(kernel, 0, KERNEL_TCP, pair), -EMFILE);
	assert_int_equal(kernel_pipe(kernel, 0, pair), -EMFILE);
	assert_false(kernel_is_open(kernel, 0, 2));
	assert_int_equal(kernel_dup_to(kernel, 0, 0, 3), -EBADF);
	assert_int_equal(kernel_limit(kernel, 0, KERNEL_FDS + 1), 0);
	for (int proc = 1; proc < KERNEL_PROCS; proc++)
		assert_int_equal(kernel_process(kernel), proc);
	assert_int_equal(kernel_process(kernel), -EAGAIN);
	for (int r = 0, proc = 0; r != -ENFILE && proc < KERNEL_PROCS; proc++)
		while ((r = kernel_pipe(kernel, proc, pair)) == 0)
			made++;
	assert_true(made > KERNEL_FILES / 2 - 4);
	assert_int_equal(kernel_epoll(kernel, 9), kernel_socket(kernel, 9, KERNEL_TCP) < 0 ? -ENFILE : 0);
}

/* A timer that goes on: what expired meanwhile is counted, and told as one edge. */
static void test_time(void **state)
{
	struct kernel *kernel = *state;
	struct kernel_event event;
	int timer = kernel_timerfd(kernel, 0), set = kernel_epoll(kernel, 0);
	uint64_t count = 0;

	assert_true(kernel_next(kernel) == UINT64_MAX);
	assert_int_equal(kernel_timer(kernel, 0, timer, 101, 10), 0);
	assert_int_equal(kernel_epoll_ctl(kernel, 0, set, KERNEL_ADD, timer, EPOLLIN | EPOLLET, 7), 0);
	assert_true(kernel_next(kernel) == 100);
	kernel_advance(kernel, 99);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), 0);
	kernel_advance(kernel, 31);
	assert_true(kernel_now(kernel) == 131);
	assert_int_equal(kernel_epoll_wait(kernel, 0, set, &event, 1), 1);
	assert_int_equal(kernel_receive(kernel, 0, timer, &count, sizeof count), 8);
	assert_int_equal(count, 4);
	assert_int_equal(kernel_receive(kernel, 0, timer, &count, sizeof count), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_ends_of_a_tcp_connection, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_reset_keeps_what_had_arrived, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_listening, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_level_edge_and_one_shot, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_full_and_room_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_one_who_vanished, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_pollers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_urgent, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_reset_gives_everything_back, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
