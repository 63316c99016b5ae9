/* SPDX-License-Identifier: MIT */
/* What a ring did, as a person reads it. */
#include "../check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "journal/ring.h"

static char *line(enum ring_what what, int32_t fd, int64_t ret, struct ring_entry entry, const void *rest,
		  uint32_t size)
{
	static char text[256];
	_Alignas(8) char data[256];
	struct event event = event_make(EV_RING, what);

	memcpy(data, &entry, sizeof entry);
	if (size)
		memcpy(data + sizeof entry, rest, size);
	event.fd = fd;
	event.ret = ret;
	event.data = data;
	event.size = (uint32_t)sizeof entry + size;
	return event_text(&event, text, sizeof text);
}

static struct ring_entry request(enum ring_op op)
{
	return (struct ring_entry){.op = (uint8_t)op, .request = 1, .ring = 4, .index = -1};
}

static void test_a_request_and_its_end(void **state)
{
	struct ring_entry recv = request(OP_RECV), poll = request(OP_POLL_ADD);

	(void)state;
	assert_string_equal(line(RING_SUBMIT, 7, 0, recv, NULL, 0), "io_uring: RECV fd 7 submitted");
	recv.cqe_flags = RING_F_MORE;
	assert_string_equal(line(RING_COMPLETE, 7, 0, recv, NULL, 0),
			    "io_uring: RECV fd 7 completed = 0 [F_MORE]");
	recv.cqe_flags = 0;
	recv.length = 4096;
	assert_string_equal(line(RING_COMPLETE, 7, -ECONNRESET, recv, NULL, 0),
			    "io_uring: RECV fd 7, 4096 bytes completed = ECONNRESET");
	recv.ioprio = 2;
	recv.sqe_flags = 1u << 5;
	assert_string_equal(line(RING_SUBMIT, 7, 0, recv, NULL, 0),
			    "io_uring: RECV fd 7, 4096 bytes submitted [BUFFER_SELECT|MULTISHOT]");
	poll.length = EPOLLIN;
	assert_string_equal(line(RING_COMPLETE, 7, EPOLLIN | EPOLLHUP, poll, NULL, 0),
			    "io_uring: POLL_ADD fd 7, IN completed = IN|HUP");
	assert_string_equal(line(RING_COMPLETE, 7, -ECANCELED, poll, NULL, 0),
			    "io_uring: POLL_ADD fd 7, IN completed = ECANCELED");
}

static void test_what_stands_behind(void **state)
{
	struct ring_entry accept = request(OP_ACCEPT), ctl = request(OP_EPOLL_CTL);
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(4711), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct ready ready = {.data = 9, .events = EPOLLIN | EPOLLET, .fd = 5};

	(void)state;
	assert_string_equal(line(RING_COMPLETE, 3, 8, accept, &address, sizeof address),
			    "io_uring: ACCEPT fd 3, 127.0.0.1:4711 completed = 8");
	ctl.length = EPOLL_CTL_ADD;
	assert_string_equal(line(RING_SUBMIT, 8, 0, ctl, &ready, sizeof ready),
			    "io_uring: EPOLL_CTL fd 8, ADD in epoll 5, IN|ET submitted");
	assert_string_equal(line(RING_SUBMIT, -1, 0, request(OP_TIMEOUT), NULL, 0),
			    "io_uring: TIMEOUT submitted");
	accept.op = OP_UNKNOWN;
	assert_string_equal(line(RING_COMPLETE, -1, 8, accept, NULL, 0), "io_uring: unknown completed = 8");
}

static void test_losses(void **state)
{
	struct event event = event_make(EV_RING, RING_LOST);
	char text[128];

	(void)state;
	event.fd = 4;
	event.ret = 12;
	event.arg[0] = 1;
	assert_string_equal(event_text(&event, text, sizeof text),
			    "io_uring: 12 completions of ring 4 were not seen");
	event.what = RING_UNSEEN;
	event.data = "direct descriptors";
	event.size = sizeof "direct descriptors";
	assert_string_equal(event_text(&event, text, sizeof text), "io_uring: ring 4: direct descriptors");
	assert_null(event_ring(&event));
}

static void test_short_data_is_no_entry(void **state)
{
	struct ring_entry entry = request(OP_RECV);
	struct event event = event_make(EV_RING, RING_COMPLETE);
	uint32_t size = 1;
	char text[128];

	(void)state;
	event.data = &entry;
	event.size = sizeof entry - 1;
	assert_null(event_ring(&event));
	assert_null(event_ring_rest(&event, &size));
	assert_int_equal(size, 0);
	assert_string_equal(event_text(&event, text, sizeof text), "");
}

static void test_every_op_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(ring_op_name(0), "NOP");
	assert_string_equal(ring_op_name(27), "RECV");
	assert_string_equal(ring_op_name(29), "EPOLL_CTL");
	assert_string_equal(ring_op_name(48), "SENDMSG_ZC");
	assert_string_equal(ring_op_name(59), "EPOLL_WAIT");
	assert_string_equal(ring_op_name(OP_UNKNOWN), "unknown");
	assert_int_equal(ring_op_class(OP_RECV), CLASS_READ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_request_and_its_end),
	    cmocka_unit_test(test_what_stands_behind),
	    cmocka_unit_test(test_losses),
	    cmocka_unit_test(test_short_data_is_no_entry),
	    cmocka_unit_test(test_every_op_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
