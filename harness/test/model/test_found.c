/* SPDX-License-Identifier: MIT */
/*
 * What a server that was attached to already had, as the world takes it: process 100 with a listener 3, an
 * epoll 5, a connection 9 and its forked child 200, which shares them.
 */
#include "../check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "model/world.h"

enum { PID = 100, TID = 101, CHILD = 200, LISTENER = 3, EPOLL = 5, CONN = 9, PORT = 40001, PEER = 1 };

static uint64_t at;

static void apply(struct world *world, struct event event)
{
	event.at = ++at * NS_PER_MS;
	assert_int_equal(world_apply(world, &event), 0);
}

static struct event of(enum event_kind kind, uint32_t what, int32_t pid, int32_t fd)
{
	struct event event = event_make(kind, what);

	event.pid = event.tid = pid;
	event.fd = fd;
	return event;
}

static void process(struct world *world, int32_t pid, int32_t parent)
{
	struct event event = of(EV_FOUND, FOUND_PROCESS, pid, -1);

	event.arg[0] = (uint64_t)parent;
	event.arg[1] = parent == 0;
	apply(world, event);
}

static void found(struct world *world, enum found what, int32_t fd, uint64_t flags, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct event event = of(EV_FOUND, what, PID, fd);

	event.arg[2] = flags;
	event.ret = port != 0;
	event.data = &address;
	event.size = port ? sizeof address : 0;
	apply(world, event);
}

static void same(struct world *world, int32_t pid, int32_t fd, int32_t as_fd)
{
	struct event event = of(EV_FOUND, FOUND_SAME, pid, fd);

	event.arg[0] = PID;
	event.arg[1] = (uint64_t)as_fd;
	apply(world, event);
}

static void list(struct world *world, const struct ready *items, uint32_t count)
{
	struct event event = of(EV_FOUND, FOUND_LIST, PID, EPOLL);

	event.data = items;
	event.size = count * (uint32_t)sizeof *items;
	apply(world, event);
}

static void do_wait(struct world *world, int32_t pid, uint64_t data, uint32_t events)
{
	struct ready ready = {.data = data, .events = events, .fd = -1};
	struct event event = of(EV_CALL, CALL_epoll_wait, pid, EPOLL);

	event.ret = 1;
	event.data = &ready;
	event.size = sizeof ready;
	apply(world, event);
}

static struct world *attached(void)
{
	struct world *world = world_new();
	struct event thread = of(EV_FOUND, FOUND_THREAD, PID, -1);

	at = 0;
	assert_non_null(world);
	process(world, PID, 0);
	thread.tid = TID;
	apply(world, thread);
	found(world, FOUND_LISTENER, LISTENER, O_CLOEXEC, 8080);
	found(world, FOUND_EPOLL, EPOLL, 0, 0);
	found(world, FOUND_CONN, CONN, O_NONBLOCK, PORT);
	return world;
}

static void test_fds_are_what_they_were_found_to_be(void **state)
{
	struct world *world = attached();
	const struct file *conn = world_file(world, PID, CONN);

	(void)state;
	assert_int_equal(world_file(world, PID, LISTENER)->kind, FILE_LISTENER);
	assert_int_equal(world_file(world, PID, LISTENER)->port, 8080);
	assert_true(world_file(world, PID, LISTENER)->tcp);
	assert_int_equal(conn->kind, FILE_CONN);
	assert_true(conn->nonblock);
	assert_int_equal(conn->port, PORT);
	assert_int_equal(world_fd_count(world), 3);
	assert_true(world_process(world, PID)->first);
	assert_int_equal(world_process(world, PID)->threads, 2);
	assert_ptr_equal(world_thread(world, TID)->process, world_process(world, PID));
	/* Nobody saw what was done with it before. */
	assert_int_equal(conn->touches, 0);
	assert_int_equal(conn->reports, 0);
	assert_int_equal(conn->last_read, INT64_MIN);
	world_free(world);
}

static void test_a_list_is_a_list_of_registrations(void **state)
{
	const struct ready items[] = {
	    {.data = 0x33, .events = EPOLLIN | EPOLLERR | EPOLLHUP, .fd = LISTENER},
	    {.data = 0x99, .events = EPOLLIN | EPOLLRDHUP | EPOLLET | EPOLLERR | EPOLLHUP, .fd = CONN},
	    {.data = 0x77, .events = EPOLLIN, .fd = 7},
	};
	struct world *world = attached();
	const struct reg *reg;

	(void)state;
	list(world, items, 3);
	reg = world_file(world, PID, CONN)->regs;
	assert_non_null(reg);
	assert_ptr_equal(reg->epoll, world_file(world, PID, EPOLL));
	assert_int_equal(reg->events, EPOLLIN | EPOLLRDHUP | EPOLLET);
	assert_false(reg->disarmed);
	/* Every window of a rule begins now, at the earliest. */
	assert_int_equal(world_file(world, PID, CONN)->touched, at * NS_PER_MS);
	assert_int_equal(world_file(world, PID, CONN)->reports, 0);
	assert_false(world_touch(world)->reg_changed);
	/* Of a number that leads nowhere nothing is known. */
	assert_null(world_file(world, PID, 7));

	do_wait(world, PID, 0x99, EPOLLIN | EPOLLHUP);
	assert_int_equal(world_touch(world)->report_count, 1);
	assert_ptr_equal(world_touch(world)->reports[0].file, world_file(world, PID, CONN));
	assert_int_equal(world_touch(world)->reports[0].asked, EPOLLIN | EPOLLRDHUP | EPOLLET);
	do_wait(world, PID, 0x77, EPOLLIN);
	assert_null(world_touch(world)->reports[0].file);
	world_free(world);
}

/* The kernel empties the events of a one-shot registration when it delivers it. */
static void test_one_shot_may_be_armed_or_not(void **state)
{
	const struct ready items[] = {
	    {.data = 3, .events = EPOLLIN | EPOLLONESHOT | EPOLLERR | EPOLLHUP, .fd = LISTENER},
	    {.data = 9, .events = EPOLLONESHOT, .fd = CONN},
	};
	struct event mod = of(EV_CALL, CALL_epoll_ctl, PID, CONN);
	struct world *world = attached();

	(void)state;
	list(world, items, 2);
	assert_false(world_file(world, PID, LISTENER)->regs->disarmed);
	assert_true(world_file(world, PID, CONN)->regs->disarmed);
	mod.arg[0] = EPOLL;
	mod.arg[1] = EPOLL_CTL_MOD;
	mod.arg[2] = EPOLLIN | EPOLLONESHOT;
	mod.arg[3] = 9;
	apply(world, mod);
	assert_true(world_touch(world)->reg_changed);
	assert_false(world_file(world, PID, CONN)->regs->disarmed);
	world_free(world);
}

static void test_a_child_shares_what_it_inherited(void **state)
{
	const struct ready item = {.data = 9, .events = EPOLLIN, .fd = CONN};
	struct world *world = attached();
	struct event close = of(EV_CALL, CALL_close, PID, CONN);

	(void)state;
	list(world, &item, 1);
	process(world, CHILD, PID);
	same(world, CHILD, EPOLL, EPOLL);
	same(world, CHILD, 12, CONN);
	same(world, CHILD, 13, 99); /* gone meanwhile */
	assert_ptr_equal(world_file(world, CHILD, 12), world_file(world, PID, CONN));
	assert_null(world_file(world, CHILD, 13));
	assert_int_equal(world_process(world, CHILD)->parent, PID);
	assert_false(world_process(world, CHILD)->first);
	do_wait(world, CHILD, 9, EPOLLIN);
	assert_ptr_equal(world_touch(world)->reports[0].file, world_file(world, CHILD, 12));
	apply(world, close);
	assert_false(world_touch(world)->last_close);
	close.pid = close.tid = CHILD;
	close.fd = 12;
	apply(world, close);
	assert_true(world_touch(world)->last_close);
	world_free(world);
}

/* A journal that was cut or made by hand must not be the end of the reader. */
static void test_nonsense_is_survived(void **state)
{
	const struct ready item = {.data = 1, .events = EPOLLIN, .fd = CONN};
	struct world *world = world_new();

	(void)state;
	assert_non_null(world);
	list(world, &item, 1);
	same(world, PID, 4, 4);
	for (uint32_t what = 0; what < FOUNDS + 2; what++) {
		apply(world, of(EV_FOUND, what, PID, -1));
		apply(world, of(EV_FOUND, what, PID, CONN));
		apply(world, of(EV_FOUND, what, PID, CONN));
	}
	list(world, &item, 1);
	list(world, &item, 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fds_are_what_they_were_found_to_be),
	    cmocka_unit_test(test_a_list_is_a_list_of_registrations),
	    cmocka_unit_test(test_one_shot_may_be_armed_or_not),
	    cmocka_unit_test(test_a_child_shares_what_it_inherited),
	    cmocka_unit_test(test_nonsense_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
