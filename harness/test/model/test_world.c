/* SPDX-License-Identifier: MIT */
/*
 * The world follows hand-written calls. Most tests are one process (pid 100) with listener 3, epoll 5 and a
 * connection 9 of peer c1, local port 40001.
 */
#include "../check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "model/world.h"

enum { PID = 100, LISTENER = 3, EPOLL = 5, CONN = 9, PORT = 40001, PEER = 1 };

static uint64_t at;

static void apply(struct world *world, struct event event)
{
	event.at = ++at * NS_PER_MS;
	if (!event.pid && event.kind != EV_PEER && event.kind != EV_MARK && event.kind != EV_META)
		event.pid = PID;
	if (!event.tid)
		event.tid = event.pid;
	assert_int_equal(world_apply(world, &event), 0);
}

static struct event call(enum call what, int32_t fd, int64_t ret)
{
	struct event event = event_make(EV_CALL, what);

	event.fd = fd;
	event.ret = ret;
	return event;
}

static void do_call(struct world *world, enum call what, int32_t fd, int64_t ret)
{
	apply(world, call(what, fd, ret));
}

static void proc(struct world *world, enum proc what, int32_t pid, uint64_t a0, uint64_t a1)
{
	struct event event = event_make(EV_PROC, what);

	event.pid = pid;
	event.arg[0] = a0;
	event.arg[1] = a1;
	apply(world, event);
}

static void peer(struct world *world, enum peer_act what, uint64_t a0)
{
	struct event event = event_make(EV_PEER, what);

	event.peer = PEER;
	event.arg[0] = a0;
	if (what == PEER_CONNECT) {
		event.data = "c1";
		event.size = 3;
	}
	apply(world, event);
}

static void do_accept_of(struct world *world, int32_t pid, int32_t fd, const void *address, uint32_t size)
{
	struct event event = call(CALL_accept4, LISTENER, fd);

	event.pid = pid;
	event.arg[0] = SOCK_CLOEXEC | SOCK_NONBLOCK;
	event.data = address;
	event.size = size;
	apply(world, event);
}

static void do_accept_from(struct world *world, int32_t pid, int32_t fd, uint32_t from, uint16_t port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(from)};

	do_accept_of(world, pid, fd, &address, sizeof address);
}

static void do_accept(struct world *world, int32_t pid, int32_t fd, uint16_t port)
{
	do_accept_from(world, pid, fd, INADDR_LOOPBACK, port);
}

static void ctl(struct world *world, int op, int32_t fd, uint32_t events, uint64_t data, int64_t ret)
{
	struct event event = call(CALL_epoll_ctl, fd, ret);

	event.arg[0] = EPOLL;
	event.arg[1] = (uint64_t)op;
	event.arg[2] = events;
	event.arg[3] = data;
	apply(world, event);
}

static void do_wait(struct world *world, uint64_t data, uint32_t events)
{
	struct ready ready = {.data = data, .events = events, .fd = -1};
	struct event event = call(CALL_epoll_wait, EPOLL, 1);

	event.data = &ready;
	event.size = sizeof ready;
	apply(world, event);
}

static struct world *start(void)
{
	struct world *world = world_new();

	at = 0;
	assert_non_null(world);
	proc(world, PROC_START, PID, 0, 0);
	struct event made = call(CALL_socket, -1, LISTENER);
	made.arg[0] = AF_INET;
	made.arg[1] = SOCK_STREAM | SOCK_CLOEXEC;
	apply(world, made);
	do_call(world, CALL_listen, LISTENER, 0);
	do_call(world, CALL_epoll_create1, -1, EPOLL);
	return world;
}

static struct world *connected(void)
{
	struct world *world = start();

	peer(world, PEER_CONNECT, PORT);
	do_accept(world, PID, CONN, PORT);
	ctl(world, EPOLL_CTL_ADD, CONN, EPOLLIN | EPOLLRDHUP, 77, 0);
	return world;
}

static void test_a_connection_is_its_peer(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);

	(void)state;
	assert_int_equal(file->kind, FILE_CONN);
	assert_int_equal(file->peer, PEER);
	assert_ptr_equal(world_peer(world, PEER)->conn, file);
	assert_true(file->nonblock);
	assert_int_equal(world_file(world, PID, LISTENER)->kind, FILE_LISTENER);
	assert_int_equal(world_file(world, PID, LISTENER)->accepted, 1);
	assert_int_equal(world_fd_count(world), 3);
	world_free(world);
}

/* Our own record of connect() may be written after the target's accept. */
static void test_accept_before_connect_is_recorded(void **state)
{
	struct world *world = start();

	(void)state;
	do_accept(world, PID, CONN, PORT);
	assert_int_equal(world_file(world, PID, CONN)->peer, -1);
	peer(world, PEER_CONNECT, PORT);
	assert_int_equal(world_file(world, PID, CONN)->peer, PEER);
	world_free(world);
}

/* A hoard's peer has the same port on another address, before or after: the connection is nobody's. */
static void test_a_port_on_another_address_is_nobody(void **state)
{
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	struct world *world = start();

	(void)state;
	do_accept_from(world, PID, CONN, INADDR_LOOPBACK + 4, PORT);
	peer(world, PEER_CONNECT, PORT);
	assert_int_equal(world_file(world, PID, CONN)->peer, -1);
	assert_null(world_peer(world, PEER)->conn);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.9", &mapped.sin6_addr), 1);
	do_accept_of(world, PID, CONN + 1, &mapped, sizeof mapped);
	assert_int_equal(world_file(world, PID, CONN + 1)->peer, -1);
	do_accept(world, PID, CONN + 2, PORT);
	assert_int_equal(world_file(world, PID, CONN + 2)->peer, PEER);
	assert_int_equal(world_file(world, PID, CONN)->port, PORT);
	world_free(world);
}

static void test_reports_find_their_registration(void **state)
{
	struct world *world = connected();

	(void)state;
	do_wait(world, 77, EPOLLIN | EPOLLHUP);
	const struct touch *touch = world_touch(world);
	assert_int_equal(touch->report_count, 1);
	assert_ptr_equal(touch->reports[0].file, world_file(world, PID, CONN));
	assert_int_equal(touch->reports[0].reg->reports, 1);
	assert_int_equal(touch->reports[0].asked, EPOLLIN | EPOLLRDHUP);
	ctl(world, EPOLL_CTL_MOD, CONN, EPOLLOUT, 78, 0);
	do_wait(world, 77, EPOLLIN);
	assert_null(world_touch(world)->reports[0].reg);
	do_wait(world, 78, EPOLLOUT);
	assert_non_null(world_touch(world)->reports[0].reg);
	world_free(world);
}

static void test_mod_to_the_same_is_no_progress(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);
	uint64_t progressed = file->progressed, touched = file->touched;

	(void)state;
	ctl(world, EPOLL_CTL_MOD, CONN, EPOLLIN | EPOLLRDHUP, 77, 0);
	assert_false(world_touch(world)->reg_changed);
	assert_int_equal(file->progressed, progressed);
	assert_int_equal(file->touched, touched);
	ctl(world, EPOLL_CTL_MOD, CONN, EPOLLOUT, 77, -ENOENT);
	assert_int_equal(file->regs->events, EPOLLIN | EPOLLRDHUP);
	ctl(world, EPOLL_CTL_MOD, CONN, EPOLLOUT, 77, 0);
	assert_true(world_touch(world)->reg_changed);
	assert_true(file->progressed > progressed);
	world_free(world);
}

static void test_oneshot_disarms_until_mod(void **state)
{
	struct world *world = connected();
	struct reg *reg = world_file(world, PID, CONN)->regs;

	(void)state;
	ctl(world, EPOLL_CTL_MOD, CONN, EPOLLIN | EPOLLONESHOT, 77, 0);
	do_wait(world, 77, EPOLLIN);
	assert_true(reg->disarmed);
	ctl(world, EPOLL_CTL_MOD, CONN, EPOLLIN | EPOLLONESHOT, 77, 0);
	assert_true(world_touch(world)->reg_changed);
	assert_false(reg->disarmed);
	world_free(world);
}

static void test_close_ends_description_and_registration(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);
	struct reg *reg = file->regs;

	(void)state;
	do_call(world, CALL_close, CONN, 0);
	assert_true(world_touch(world)->last_close);
	assert_ptr_equal(world_touch(world)->file, file);
	assert_true(file->closed && reg->removed);
	assert_null(world_file(world, PID, CONN));
	do_wait(world, 77, EPOLLIN);
	assert_null(world_touch(world)->reports[0].file);
	do_accept(world, PID, CONN, PORT + 1);
	assert_true(world_file(world, PID, CONN)->id > file->id);
	world_free(world);
}

static void test_dup_keeps_it_alive_as_a_zombie(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);
	int32_t pid, fd;

	(void)state;
	do_call(world, CALL_dup, CONN, 12);
	do_call(world, CALL_close, CONN, 0);
	assert_false(world_touch(world)->last_close);
	assert_true(file->regs->zombie);
	assert_int_equal(world_locate(world, file, &pid, &fd), 0);
	assert_int_equal(fd, 12);
	do_call(world, CALL_close, 12, 0);
	assert_true(file->closed);
	assert_int_equal(world_locate(world, file, &pid, &fd), -ENOENT);
	world_free(world);
}

static void test_injected_and_failed_closes_close_nothing(void **state)
{
	struct world *world = connected();
	struct event event = call(CALL_close, CONN, -EINTR);

	(void)state;
	event.flags = EVF_INJECTED;
	apply(world, event);
	assert_non_null(world_file(world, PID, CONN));
	do_call(world, CALL_close, CONN, -EBADF);
	assert_non_null(world_file(world, PID, CONN));
	do_call(world, CALL_close, CONN, -EINTR); /* the kernel's own EINTR comes after the number is gone */
	assert_null(world_file(world, PID, CONN));
	world_free(world);
}

static void test_fork_shares_descriptions_and_exec_takes_cloexec(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);

	(void)state;
	proc(world, PROC_FORK, PID, 200, SIGCHLD);
	assert_ptr_equal(world_file(world, 200, CONN), file);
	assert_int_equal(file->refs, 2);
	do_call(world, CALL_close, CONN, 0);
	assert_false(file->closed);
	proc(world, PROC_EXEC, 200, 0, 0);
	assert_true(file->closed);			/* accepted with SOCK_CLOEXEC */
	assert_non_null(world_file(world, 200, EPOLL)); /* made without */
	proc(world, PROC_EXIT, 200, 1, 0);
	assert_false(world_process(world, 200)->alive);
	assert_int_equal(world_alive(world), 1);
	world_free(world);
}

static void test_threads_share_their_table(void **state)
{
	struct world *world = connected();
	struct event event = call(CALL_close, CONN, 0);

	(void)state;
	proc(world, PROC_FORK, PID, 101, CLONE_THREAD | CLONE_FILES | CLONE_VM);
	assert_int_equal(world_alive(world), 1);
	event.pid = PID;
	event.tid = 101;
	apply(world, event);
	assert_null(world_file(world, PID, CONN));
	assert_int_equal(world_process(world, PID)->threads, 2);
	world_free(world);
}

static void test_fds_travel_by_scm_rights(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);
	int32_t sent[] = {CONN}, got[] = {20};
	struct event pair = call(CALL_socketpair, -1, 0), send = call(CALL_sendmsg, 30, 1),
		     take = call(CALL_recvmsg, 31, 1);

	(void)state;
	pair.arg[2] = 30;
	pair.arg[3] = 31;
	apply(world, pair);
	proc(world, PROC_FORK, PID, 200, SIGCHLD);
	struct event gone = call(CALL_close, CONN, 0);
	gone.pid = 200;
	apply(world, gone);
	send.arg[3] = take.arg[3] = 1;
	send.data = sent;
	take.data = got;
	send.size = take.size = sizeof sent;
	take.pid = 200;
	apply(world, send);
	do_call(world, CALL_close, CONN, 0);
	assert_false(file->closed); /* the message holds it */
	apply(world, take);
	assert_ptr_equal(world_file(world, 200, 20), file);
	assert_int_equal(file->refs, 1);
	world_free(world);
}

static void test_close_range_and_dup2(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);
	struct event range = call(CALL_close_range, -1, 0);

	(void)state;
	do_call(world, CALL_dup2, CONN, EPOLL);
	assert_ptr_equal(world_file(world, PID, EPOLL), file);
	assert_int_equal(file->refs, 2);
	range.arg[0] = 4;
	range.arg[1] = UINT32_MAX;
	apply(world, range);
	assert_true(file->closed);
	assert_non_null(world_file(world, PID, LISTENER));
	assert_int_equal(world_fd_count(world), 1);
	world_free(world);
}

static void do_fcntl(struct world *world, int32_t fd, int what, uint64_t value, int64_t ret)
{
	struct event event = call(CALL_fcntl, fd, ret);

	event.arg[0] = (uint64_t)what;
	event.arg[1] = value;
	apply(world, event);
}

static void test_fcntl(void **state)
{
	struct world *world = connected();
	struct file *conn = world_file(world, PID, CONN);

	(void)state;
	do_fcntl(world, CONN, F_DUPFD, 20, 20);
	do_fcntl(world, CONN, F_DUPFD_CLOEXEC, 30, 30);
	do_fcntl(world, CONN, F_DUPFD, 40, -EMFILE);
	assert_ptr_equal(world_file(world, PID, 20), conn);
	assert_ptr_equal(world_file(world, PID, 30), conn);
	assert_null(world_file(world, PID, 40));
	do_fcntl(world, CONN, F_SETFL, 0, 0);
	assert_false(conn->nonblock);
	do_fcntl(world, CONN, F_SETFL, O_NONBLOCK, 0);
	assert_true(conn->nonblock);
	do_fcntl(world, CONN, F_GETFL, 0, O_RDWR);
	/* It was accepted with SOCK_CLOEXEC; of its dups one stays. */
	do_fcntl(world, CONN, F_SETFD, 0, 0);
	proc(world, PROC_EXEC, PID, 0, 0);
	assert_ptr_equal(world_file(world, PID, CONN), conn);
	assert_ptr_equal(world_file(world, PID, 20), conn);
	assert_null(world_file(world, PID, 30));
	do_fcntl(world, CONN, F_SETFD, FD_CLOEXEC, 0);
	proc(world, PROC_EXEC, PID, 0, 0);
	assert_null(world_file(world, PID, CONN));
	assert_ptr_equal(world_file(world, PID, 20), conn);
	world_free(world);
}

/* Two processes with one table: what one closes is closed for both, until one of them takes its own. */
static void test_processes_share_a_table(void **state)
{
	struct world *world = connected();
	struct event range = call(CALL_close_range, -1, 0);
	struct file *conn = world_file(world, PID, CONN);

	(void)state;
	proc(world, PROC_FORK, PID, PID + 1, CLONE_FILES);
	do_fcntl(world, CONN, F_DUPFD, 20, 20);
	assert_ptr_equal(world_file(world, PID + 1, 20), conn);
	do_call(world, CALL_close, 20, 0);
	assert_null(world_file(world, PID + 1, 20));
	range.pid = PID + 1;
	range.arg[0] = CONN;
	range.arg[1] = CONN;
	range.arg[2] = CLOSE_RANGE_UNSHARE;
	apply(world, range);
	assert_null(world_file(world, PID + 1, CONN));
	assert_ptr_equal(world_file(world, PID, CONN), conn);
	/* Marked only: exec takes them, and is the only one that does. */
	range.pid = PID;
	range.arg[2] = CLOSE_RANGE_CLOEXEC;
	apply(world, range);
	assert_ptr_equal(world_file(world, PID, CONN), conn);
	proc(world, PROC_FORK, PID, PID + 2, CLONE_FILES);
	proc(world, PROC_EXEC, PID + 2, 0, 0);
	assert_null(world_file(world, PID + 2, CONN));
	assert_ptr_equal(world_file(world, PID, CONN), conn);
	world_free(world);
}

static void test_traffic_and_ends(void **state)
{
	struct world *world = connected();
	struct file *file = world_file(world, PID, CONN);
	struct event read = call(CALL_read, CONN, 8), peek = call(CALL_recvfrom, CONN, 4);

	(void)state;
	read.arg[0] = 4096;
	apply(world, read);
	peek.arg[0] = 4;
	peek.arg[1] = MSG_PEEK;
	apply(world, peek);
	assert_int_equal(file->bytes_in, 8);
	read.ret = -EAGAIN;
	apply(world, read);
	assert_int_equal(file->read_error, 0);
	read.ret = -ECONNRESET;
	apply(world, read);
	assert_int_equal(file->read_error, ECONNRESET);
	assert_false(file->eof_read);
	read.ret = 0;
	apply(world, read);
	assert_true(file->eof_read);
	struct event many = call(CALL_sendmmsg, CONN, 3);
	many.arg[2] = 300;
	apply(world, many);
	assert_int_equal(file->bytes_out, 300);
	world_free(world);
}

static void test_asleep(void **state)
{
	struct world *world = connected();
	struct event enter = event_make(EV_ENTER, CALL_epoll_wait);

	(void)state;
	enter.fd = EPOLL;
	enter.arg[1] = UINT64_MAX;
	do_wait(world, 77, EPOLLIN);
	assert_false(world_asleep(world));
	apply(world, enter);
	assert_true(world_asleep(world));
	assert_int_equal(world_thread(world, PID)->wait_fd, EPOLL);
	proc(world, PROC_FORK, PID, 101, CLONE_THREAD | CLONE_FILES);
	assert_true(world_asleep(world)); /* a thread that never waits does not count */
	do_wait(world, 77, EPOLLIN);
	assert_false(world_asleep(world));
	assert_true(world_asleep_at(world, world_now(world) + NS_PER_S));
	proc(world, PROC_EXIT, PID, 1, 0);
	assert_false(world_asleep(world)); /* nobody is left to sleep */
	world_free(world);
}

static void test_poll_reports_by_number(void **state)
{
	struct world *world = connected();
	struct ready ready[] = {{.data = EPOLLIN, .events = EPOLLHUP, .fd = CONN},
				{.events = EPOLLIN, .fd = 999}};
	struct event event = call(CALL_poll, -1, 2);

	(void)state;
	event.data = ready;
	event.size = sizeof ready;
	apply(world, event);
	const struct touch *touch = world_touch(world);
	assert_int_equal(touch->report_count, 2);
	assert_ptr_equal(touch->reports[0].file, world_file(world, PID, CONN));
	assert_int_equal(touch->reports[0].asked, EPOLLIN);
	assert_null(touch->reports[1].file);
	world_free(world);
}

static void test_marks_and_meta(void **state)
{
	struct world *world = start();
	struct event mark = event_make(EV_MARK, MARK_READY), meta = event_make(EV_META, 0);

	(void)state;
	mark.arg[0] = 8080;
	apply(world, mark);
	meta.data = "time_scale=2";
	meta.size = sizeof "time_scale=2";
	apply(world, meta);
	mark.what = MARK_NOTE;
	apply(world, mark);
	assert_int_equal(world_phase(world), MARK_READY);
	assert_int_equal(world_port(world), 8080);
	assert_string_equal(world_meta(world, "time_scale"), "2");
	assert_null(world_meta(world, "time"));
	world_free(world);
}

/* What the fuzzer of the rules came upon: a server that hands in -1 is told EBADF, and the world goes on. */
static void test_numbers_that_are_none(void **state)
{
	struct world *world = world_new();
	struct event ctl = call(CALL_epoll_ctl, CONN, -EBADF), pair = call(CALL_socketpair, -1, 0);

	(void)state;
	do_call(world, CALL_socket, -1, CONN);
	ctl.arg[0] = UINT64_MAX;
	ctl.arg[1] = EPOLL_CTL_ADD;
	apply(world, ctl);
	pair.arg[2] = pair.arg[3] = UINT64_MAX;
	apply(world, pair);
	assert_null(world_file(world, PID, -1));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_connection_is_its_peer),
	    cmocka_unit_test(test_accept_before_connect_is_recorded),
	    cmocka_unit_test(test_a_port_on_another_address_is_nobody),
	    cmocka_unit_test(test_reports_find_their_registration),
	    cmocka_unit_test(test_mod_to_the_same_is_no_progress),
	    cmocka_unit_test(test_oneshot_disarms_until_mod),
	    cmocka_unit_test(test_close_ends_description_and_registration),
	    cmocka_unit_test(test_dup_keeps_it_alive_as_a_zombie),
	    cmocka_unit_test(test_injected_and_failed_closes_close_nothing),
	    cmocka_unit_test(test_fork_shares_descriptions_and_exec_takes_cloexec),
	    cmocka_unit_test(test_threads_share_their_table),
	    cmocka_unit_test(test_fds_travel_by_scm_rights),
	    cmocka_unit_test(test_close_range_and_dup2),
	    cmocka_unit_test(test_fcntl),
	    cmocka_unit_test(test_processes_share_a_table),
	    cmocka_unit_test(test_traffic_and_ends),
	    cmocka_unit_test(test_asleep),
	    cmocka_unit_test(test_poll_reports_by_number),
	    cmocka_unit_test(test_marks_and_meta),
	    cmocka_unit_test(test_numbers_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
