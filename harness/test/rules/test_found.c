/* SPDX-License-Identifier: MIT */
/*
 * What rules make of a server that was attached to: what happens from then on counts as ever, what may have
 * happened before is nobody's fault.
 *
 *     FOUND: process, listener 4, epoll 5, connection 9 ── the story
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include "story.h"

enum { CONN = 9, STREAM = 10, CHILD = STORY_PID + 1 };

static void found(struct story *s, enum found what, int32_t fd, uint16_t port)
{
	struct sockaddr_in address = story_address(port);
	struct event event = story_event(s, EV_FOUND, what, fd, port != 0);

	event.arg[2] = O_NONBLOCK;
	event.data = port ? &address : NULL;
	event.size = port ? sizeof(address) : 0;
	story_tell(s, event);
}

static void found_list(struct story *s, int32_t fd, uint32_t events)
{
	const struct ready items[] = {
	    {.data = STORY_LISTENER, .events = EPOLLIN | EPOLLERR | EPOLLHUP, .fd = STORY_LISTENER},
	    {.data = (uint64_t)fd, .events = events, .fd = fd},
	};
	struct event event = story_event(s, EV_FOUND, FOUND_LIST, STORY_EPOLL, 0);

	event.data = items;
	event.size = events ? sizeof(items) : sizeof(*items);
	story_tell(s, event);
}

/* A server with one connection, registered for that (0: not at all). */
static struct story attached(uint32_t events)
{
	struct story s = story_judged(NULL, 1);
	struct event process = story_event(&s, EV_FOUND, FOUND_PROCESS, -1, 0);

	process.arg[1] = 1;
	story_tell(&s, process);
	found(&s, FOUND_LISTENER, STORY_LISTENER, STORY_PORT);
	found(&s, FOUND_EPOLL, STORY_EPOLL, 0);
	found(&s, FOUND_CONN, CONN, 50000);
	found_list(&s, CONN, events);
	story_mark(&s, MARK_READY);
	return s;
}

static void probe(struct story *s, uint64_t waiting, uint64_t state)
{
	story_mark(s, MARK_SAMPLE);
	story_probe(s, PROBE_LISTENER, STORY_LISTENER, 0, 128, EPOLLOUT, 0);
	story_probe(s, PROBE_SOCKET, CONN, waiting, 0, EPOLLIN | EPOLLOUT, state);
	story_probe(s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
}

/* A registration that nobody saw being made, and a fault that everybody sees. */
static void test_a_spin_is_found_by_the_list(void **state)
{
	struct story s = attached(EPOLLIN);
	const struct finding *finding;

	(void)state;
	story_loop(&s, 400, 1000, CONN, EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP);
	finding = assert_broken(&s, "hup-spin");
	assert_int_equal(finding->fd, CONN);
	story_free(&s);
}

static void test_an_end_that_is_read_over_and_over(void **state)
{
	struct story s = attached(EPOLLIN);

	(void)state;
	for (int i = 0; i < 400; i++) {
		story_wait(&s, CONN, EPOLLIN);
		story_read(&s, CONN, 0);
		story_later(&s, 1000);
	}
	assert_int_equal(assert_broken(&s, "eof-spin")->fd, CONN);
	story_free(&s);
}

/* What happened before nobody saw: each of these would be a mistake had it begun under our eyes. */
static void test_nobody_is_blamed_for_the_past(void **state)
{
	static const struct {
		const char *name;
		uint32_t events;
		uint64_t waiting, state;
	} rows[] = {
	    {"bytes behind an edge", EPOLLIN | EPOLLET, 40, TCP_ESTABLISHED},
	    {"one-shot, delivered", EPOLLONESHOT, 40, TCP_ESTABLISHED},
	    {"the end, behind an edge", EPOLLIN | EPOLLRDHUP | EPOLLET, 0, TCP_CLOSE_WAIT},
	    {"the end, read before", EPOLLOUT | EPOLLET, 0, TCP_CLOSE_WAIT},
	    {"bytes, and nobody asks", 0, 40, TCP_ESTABLISHED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct story s = attached(rows[i].events);

		print_message("  %s\n", rows[i].name);
		story_sleep(&s, STORY_FOREVER);
		for (int round = 0; round < 5; round++) {
			story_later(&s, 2000000);
			probe(&s, rows[i].waiting, rows[i].state);
		}
		assert_clean(&s);
		story_free(&s);
	}
}

/* Numbers from before are no closed numbers, answers to requests from before no odd ones. */
static void test_work_goes_on(void **state)
{
	struct story s = attached(EPOLLIN);

	(void)state;
	story_write(&s, CONN, 1000, 1000);
	story_wait(&s, CONN, EPOLLIN);
	story_read(&s, CONN, 40);
	story_write(&s, CONN, 1000, 1000);
	story_del(&s, CONN);
	story_close(&s, CONN);
	story_read(&s, STREAM, -EBADF);
	story_close(&s, STREAM);
	story_accept(&s, STORY_LISTENER, CONN, 50001);
	story_add(&s, CONN, EPOLLIN);
	story_wait(&s, CONN, EPOLLIN);
	story_read(&s, CONN, 0);
	story_close(&s, CONN);
	story_sleep(&s, STORY_FOREVER);
	assert_clean(&s);
	story_free(&s);
}

/* Two processes on one epoll: either's wait is about the same registration, and either's close is not the
 * end. */
static void test_a_worker_that_shares(void **state)
{
	struct story s = attached(EPOLLIN);
	struct event event;

	(void)state;
	story_as(&s, CHILD, CHILD);
	event = story_event(&s, EV_FOUND, FOUND_PROCESS, -1, 0);
	event.arg[0] = STORY_PID;
	story_tell(&s, event);
	for (int32_t fd = STORY_LISTENER; fd <= CONN; fd += fd == STORY_EPOLL ? CONN - STORY_EPOLL : 1) {
		event = story_event(&s, EV_FOUND, FOUND_SAME, fd, 0);
		event.arg[0] = STORY_PID;
		event.arg[1] = (uint64_t)fd;
		story_tell(&s, event);
	}
	story_wait(&s, CONN, EPOLLIN);
	story_read(&s, CONN, 0);
	story_del(&s, CONN);
	story_close(&s, CONN);
	story_as(&s, STORY_PID, STORY_PID);
	story_close(&s, CONN);
	story_sleep(&s, STORY_FOREVER);
	assert_clean(&s);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_spin_is_found_by_the_list),
	    cmocka_unit_test(test_an_end_that_is_read_over_and_over),
	    cmocka_unit_test(test_nobody_is_blamed_for_the_past),
	    cmocka_unit_test(test_work_goes_on),
	    cmocka_unit_test(test_a_worker_that_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
