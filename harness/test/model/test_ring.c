/* SPDX-License-Identifier: MIT */
/*
 * The world follows what a ring did, by hand-written events: process 100 with listener 3, ring 4, epoll 5,
 * and connection 9 of peer c1, accepted by a multishot request.
 */
#include "../check.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "journal/ring.h"
#include "model/world.h"

enum { PID = 100, LISTENER = 3, RING = 4, EPOLL = 5, CONN = 9, PORT = 40001, ACCEPT_NUMBER = 1 };

static uint64_t at;

static void apply(struct world *world, struct event event)
{
	event.at = ++at * NS_PER_MS;
	event.pid = event.tid = PID;
	assert_int_equal(world_apply(world, &event), 0);
}

static void do_call(struct world *world, enum call what, int32_t fd, int64_t ret)
{
	struct event event = event_make(EV_CALL, what);

	event.fd = fd;
	event.ret = ret;
	apply(world, event);
}

static struct ring_entry request(enum ring_op op, uint64_t number)
{
	return (struct ring_entry){
	    .op = (uint8_t)op, .request = number, .user_data = number, .ring = RING, .index = -1};
}

static void happen(struct world *world, enum ring_what what, int32_t fd, struct ring_entry entry, int64_t ret,
		   const void *rest, size_t size)
{
	_Alignas(8) char data[256];
	struct event event = event_make(EV_RING, what);

	memcpy(data, &entry, sizeof entry);
	if (size)
		memcpy(data + sizeof entry, rest, size);
	event.fd = fd;
	event.ret = ret;
	event.data = data;
	event.size = (uint32_t)(sizeof entry + size);
	apply(world, event);
}

static void submit(struct world *world, int32_t fd, struct ring_entry entry)
{
	happen(world, RING_SUBMIT, fd, entry, 0, NULL, 0);
}

static void complete(struct world *world, int32_t fd, struct ring_entry entry, int64_t ret, uint32_t flags)
{
	entry.cqe_flags = flags;
	happen(world, RING_COMPLETE, fd, entry, ret, NULL, 0);
}

static void accepted(struct world *world, int32_t fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct ring_entry entry = request(OP_ACCEPT, ACCEPT_NUMBER);

	entry.ioprio = 1;
	entry.cqe_flags = RING_F_MORE;
	happen(world, RING_COMPLETE, LISTENER, entry, fd, &address, sizeof address);
}

static struct world *started(void)
{
	struct world *world = world_new();
	struct event start = event_make(EV_PROC, PROC_START), peer = event_make(EV_PEER, PEER_CONNECT);
	struct ring_entry accepting = request(OP_ACCEPT, ACCEPT_NUMBER);

	assert_non_null(world);
	apply(world, start);
	do_call(world, CALL_socket, -1, LISTENER);
	do_call(world, CALL_io_uring_setup, -1, RING);
	do_call(world, CALL_epoll_create1, -1, EPOLL);
	peer.peer = 1;
	peer.arg[0] = PORT;
	apply(world, peer);
	accepting.ioprio = 1;
	submit(world, LISTENER, accepting);
	accepted(world, CONN);
	return world;
}

static void test_accepted_and_joined(void **state)
{
	struct world *world = started();
	const struct file *listener = world_file(world, PID, LISTENER), *conn = world_file(world, PID, CONN);

	(void)state;
	assert_int_equal(listener->kind, FILE_LISTENER);
	assert_int_equal(listener->accepted, 1);
	assert_non_null(conn);
	assert_int_equal(conn->kind, FILE_CONN);
	assert_ptr_equal(world_peer(world, 1)->conn, conn);
	assert_non_null(listener->requests); /* it goes on */
	assert_true(listener->requests->multishot);
	assert_true(world_by_ring(world, CLASS_ACCEPT));
	assert_false(world_by_ring(world, CLASS_READ));
	assert_false(world_hides(world));
	world_free(world);
}

static void test_bytes_and_the_end(void **state)
{
	struct world *world = started();
	struct ring_entry receive = request(OP_RECV, 2), send = request(OP_SEND, 3);
	struct file *conn = world_file(world, PID, CONN);

	(void)state;
	receive.ioprio = 2;
	submit(world, CONN, receive);
	complete(world, CONN, receive, 30, RING_F_MORE | RING_F_BUFFER);
	assert_int_equal(conn->bytes_in, 30);
	assert_non_null(conn->requests);
	send.length = 100;
	submit(world, CONN, send);
	complete(world, CONN, send, 60, 0);
	assert_int_equal(conn->bytes_out, 60);
	assert_int_equal(conn->last_write, 60);
	assert_int_equal(conn->last_write_asked, 100);
	complete(world, CONN, receive, -ENOBUFS, 0);
	assert_int_equal(conn->read_error, 0);
	assert_null(conn->requests);
	receive.request = 4;
	submit(world, CONN, receive);
	complete(world, CONN, receive, 0, 0);
	assert_true(conn->eof_read);
	assert_int_equal(world_touch(world)->request->number, 4);
	receive.request = 5;
	submit(world, CONN, receive);
	complete(world, CONN, receive, -ECONNRESET, 0);
	assert_int_equal(conn->read_error, ECONNRESET);
	world_free(world);
}

/* The ring holds what a request is about, whatever becomes of its number. */
/* Sockets made, named and connected by requests. */
static void test_sockets_by_request(void **state)
{
	struct world *world = started();
	struct ring_entry entry = request(OP_SOCKET, 20);
	const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(8080)};

	(void)state;
	entry.length = AF_INET;
	entry.extra = SOCK_STREAM | SOCK_NONBLOCK;
	submit(world, -1, entry);
	complete(world, -1, entry, 12, 0);
	struct file *file = world_file(world, PID, 12);
	assert_non_null(file);
	assert_true(file->tcp && file->nonblock);
	assert_int_equal(file->kind, FILE_SOCKET);
	entry = request(OP_CONNECT, 21);
	happen(world, RING_SUBMIT, 12, entry, 0, &to, sizeof to);
	assert_int_equal(file->kind, FILE_OUTGOING);
	assert_int_equal(file->port, 8080);
	complete(world, 12, entry, 0, 0);
	assert_true(file->progressed == file->touched);
	entry = request(OP_SOCKET, 22);
	complete(world, -1, entry, 13, 0);
	entry = request(OP_LISTEN, 23);
	entry.length = 64;
	submit(world, 13, entry);
	complete(world, 13, entry, -EADDRINUSE, 0);
	assert_int_equal(world_file(world, PID, 13)->kind, FILE_SOCKET);
	submit(world, 13, entry);
	complete(world, 13, entry, 0, 0);
	assert_int_equal(world_file(world, PID, 13)->kind, FILE_LISTENER);
	assert_int_equal(world_file(world, PID, 13)->backlog, 64);
	entry = request(OP_SOCKET, 24);
	complete(world, -1, entry, -EMFILE, 0);
	world_free(world);
}

static void test_closed_under_a_request(void **state)
{
	struct world *world = started();
	struct ring_entry receive = request(OP_RECV, 2), closing = request(OP_CLOSE, 3);
	struct file *conn = world_file(world, PID, CONN), *next;

	(void)state;
	submit(world, CONN, receive);
	do_call(world, CALL_close, CONN, 0);
	assert_true(conn->closed);
	assert_int_equal(conn->requests->op, OP_RECV);
	accepted(world, CONN); /* the number again */
	next = world_file(world, PID, CONN);
	complete(world, CONN, receive, 5, 0);
	assert_int_equal(conn->bytes_in, 5);
	assert_int_equal(next->bytes_in, 0);
	/* A close by request whose number is given out before its completion is told. */
	submit(world, CONN, closing);
	accepted(world, CONN);
	complete(world, CONN, closing, 0, 0);
	assert_true(next->closed);
	assert_non_null(world_file(world, PID, CONN));
	assert_ptr_not_equal(world_file(world, PID, CONN), next);
	world_free(world);
}

static void test_closed_by_request(void **state)
{
	struct world *world = started();
	struct ring_entry closing = request(OP_CLOSE, 2), down = request(OP_SHUTDOWN, 3);
	struct file *conn = world_file(world, PID, CONN);

	(void)state;
	down.length = SHUT_WR;
	down.sqe_flags = 1u << 6; /* silent unless it fails */
	submit(world, CONN, down);
	assert_true(conn->shut_write);
	assert_null(conn->requests);
	submit(world, CONN, closing);
	assert_int_equal(conn->closed, 0);
	complete(world, CONN, closing, 0, 0);
	assert_true(conn->closed);
	assert_true(world_touch(world)->last_close);
	assert_null(conn->requests);
	world_free(world);
}

static void test_registrations_by_request(void **state)
{
	struct world *world = started();
	struct ring_entry ctl = request(OP_EPOLL_CTL, 2);
	struct ready asked = {.data = 77, .events = EPOLLIN, .fd = EPOLL},
		     report = {.data = 77, .events = EPOLLIN, .fd = -1};
	struct file *conn = world_file(world, PID, CONN);

	(void)state;
	ctl.length = EPOLL_CTL_ADD;
	happen(world, RING_SUBMIT, CONN, ctl, 0, &asked, sizeof asked);
	assert_null(conn->regs);
	happen(world, RING_COMPLETE, CONN, ctl, 0, &asked, sizeof asked);
	assert_non_null(conn->regs);
	assert_int_equal(conn->regs->events, EPOLLIN);
	assert_int_equal(conn->regs->fd, CONN);
	assert_true(world_touch(world)->reg_changed);
	ctl = request(OP_EPOLL_WAIT, 3);
	submit(world, EPOLL, ctl);
	happen(world, RING_COMPLETE, EPOLL, ctl, 1, &report, sizeof report);
	assert_int_equal(world_touch(world)->report_count, 1);
	assert_ptr_equal(world_touch(world)->reports[0].file, conn);
	assert_int_equal(conn->reports, 1);
	ctl = request(OP_EPOLL_CTL, 4);
	ctl.length = EPOLL_CTL_DEL;
	happen(world, RING_SUBMIT, CONN, ctl, 0, &asked, sizeof asked);
	happen(world, RING_COMPLETE, CONN, ctl, 0, &asked, sizeof asked);
	assert_null(conn->regs);
	world_free(world);
}

static void test_polls_report(void **state)
{
	struct world *world = started();
	struct ring_entry poll = request(OP_POLL_ADD, 2);
	struct file *conn = world_file(world, PID, CONN);

	(void)state;
	poll.length = EPOLLIN;
	submit(world, CONN, poll);
	complete(world, CONN, poll, EPOLLIN | EPOLLHUP, 0);
	assert_int_equal(conn->reported, EPOLLIN | EPOLLHUP);
	assert_int_equal(world_touch(world)->reports[0].asked, EPOLLIN);
	poll.request = 3;
	submit(world, CONN, poll);
	complete(world, CONN, poll, -ECANCELED, 0);
	assert_int_equal(conn->reports, 1);
	world_free(world);
}

static void test_asleep_in_a_ring(void **state)
{
	struct world *world = started();
	struct event enter = event_make(EV_ENTER, CALL_io_uring_enter);

	(void)state;
	enter.fd = RING;
	enter.arg[0] = 1;
	enter.arg[1] = UINT64_MAX;
	do_call(world, CALL_io_uring_enter, RING, 1); /* did not wait */
	assert_int_equal(world_thread(world, PID)->waits, 0);
	apply(world, enter);
	assert_true(world_asleep(world));
	do_call(world, CALL_io_uring_enter, RING, 0);
	assert_int_equal(world_thread(world, PID)->waits, 1);
	assert_false(world_asleep(world));
	world_free(world);
}

/* A call that hands requests over before any of them was seen: nobody looks into that ring. */
static void test_nobody_looks(void **state)
{
	(void)state;
	for (int looked = 0; looked < 2; looked++) {
		struct world *world = started();
		struct event enter = event_make(EV_CALL, CALL_io_uring_enter);

		enter.pid = enter.tid = PID;
		enter.fd = RING;
		enter.ret = 1;
		do_call(world, CALL_io_uring_setup, -1, RING);
		apply(world, enter); /* only waits */
		assert_false(world_hides(world));
		if (looked)
			submit(world, LISTENER, request(OP_ACCEPT, 1));
		enter.arg[0] = 1;
		apply(world, enter);
		assert_int_equal(world_hides(world), !looked);
		world_free(world);
	}
}

static void test_what_stays_unseen(void **state)
{
	struct world *world = started();
	struct event lost = event_make(EV_RING, RING_LOST);
	struct ring_entry direct = request(OP_ACCEPT, 2);

	(void)state;
	direct.index = 0;
	submit(world, LISTENER, direct);
	complete(world, LISTENER, direct, 0, 0); /* slot 0, not fd 0 */
	assert_null(world_file(world, PID, 0));
	lost.fd = RING;
	lost.ret = 3;
	lost.arg[0] = 1;
	assert_false(world_hides(world));
	apply(world, lost);
	assert_true(world_hides(world));
	/* A completion of nobody knows what changes nothing. */
	complete(world, -1, request(OP_UNKNOWN, 0), 12, 0);
	assert_null(world_touch(world)->request);
	/* The ring's own end takes its requests along. */
	do_call(world, CALL_close, RING, 0);
	assert_null(world_file(world, PID, LISTENER)->requests);
	world_free(world);
}

/* Connections in slots: each use of one is another file, until it is closed, emptied, or the ring is gone. */
enum { SLOT = 7 };

static struct file *into_slot(struct world *world, uint64_t number, int32_t asked)
{
	struct ring_entry entry = request(OP_ACCEPT, number);

	entry.index = asked;
	submit(world, LISTENER, entry);
	complete(world, LISTENER, entry, asked == INT32_MAX ? SLOT : 0, 0);
	return world_touch(world)->made;
}

static struct ring_entry on_slot(enum ring_op op, uint64_t number)
{
	struct ring_entry entry = request(op, number);

	entry.index = SLOT;
	return entry;
}

static void test_a_slot_is_followed(void **state)
{
	struct world *world = started();
	struct file *first, *second;
	struct ring_entry sending = on_slot(OP_SEND, 11), closing = on_slot(OP_CLOSE, 12);

	(void)state;
	first = into_slot(world, 10, INT32_MAX);
	assert_int_equal(first->kind, FILE_CONN);
	assert_int_equal(first->fd, -1);
	submit(world, -1, sending);
	assert_ptr_equal(world_touch(world)->file, first);
	submit(world, -1, closing);
	complete(world, -1, closing, 0, 0);
	assert_true(world_touch(world)->last_close);
	assert_true(first->closed);
	second = into_slot(world, 13, SLOT);
	assert_ptr_not_equal(second, first);
	/* What was under way stays with the one it was meant for. */
	complete(world, -1, sending, 400, 0);
	assert_ptr_equal(world_touch(world)->file, first);
	assert_int_equal(first->bytes_out, 400);
	assert_int_equal(second->bytes_out, 0);
	assert_false(world_has_gaps(world));
	do_call(world, CALL_close, RING, 0);
	assert_true(second->closed);
	world_free(world);
}

static void test_a_slot_gets_a_number(void **state)
{
	struct world *world = started();
	struct ring_entry install = on_slot(OP_FIXED_FD_INSTALL, 11);
	struct event update = event_make(EV_CALL, CALL_io_uring_register);
	struct file *conn = into_slot(world, 10, SLOT);

	(void)state;
	submit(world, -1, install);
	complete(world, -1, install, 20, 0);
	assert_ptr_equal(world_file(world, PID, 20), conn);
	update.fd = RING;
	update.ret = 1;
	update.arg[0] = 6; /* IORING_REGISTER_FILES_UPDATE */
	update.arg[1] = SLOT;
	update.arg[2] = 1;
	apply(world, update);
	assert_false(conn->closed); /* its number leads there still */
	submit(world, -1, on_slot(OP_RECV, 12));
	assert_null(world_touch(world)->file);
	assert_true(world_has_gaps(world)); /* something is in it, and we did not see what */
	do_call(world, CALL_close, 20, 0);
	assert_true(conn->closed);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_accepted_and_joined), cmocka_unit_test(test_bytes_and_the_end),
	    cmocka_unit_test(test_sockets_by_request),	cmocka_unit_test(test_closed_under_a_request),
	    cmocka_unit_test(test_closed_by_request),	cmocka_unit_test(test_registrations_by_request),
	    cmocka_unit_test(test_polls_report),	cmocka_unit_test(test_asleep_in_a_ring),
	    cmocka_unit_test(test_what_stays_unseen),	cmocka_unit_test(test_nobody_looks),
	    cmocka_unit_test(test_a_slot_is_followed),	cmocka_unit_test(test_a_slot_gets_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
