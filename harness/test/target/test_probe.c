/* SPDX-License-Identifier: MIT */
/*
 * A child stands for the target; what it holds is known exactly:
 *
 *     parent ── 7 bytes ──> connection (accepted, unread)      parent ── handshake only ──> accept queue of
 * the listener parent ── RST ──────> connection (accepted, SO_ERROR set)
 *
 * The child sleeps in epoll_wait on an epoll whose only registration is known. The parent probes it and
 * compares; then the child proves that nobody took its SO_ERROR.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "target/target_impl.h"

#define BACKLOG		  5
#define FD_LIMIT	  99
#define DATA		  0xfeedfacecafebeefULL
#define STATE_ESTABLISHED 1
#define STATE_CLOSE	  7

struct fixture {
	pid_t pid;
	int to_child[2], from_child[2];
	int sender, waiter; /* parent's connections */
	struct target target;
	struct world *world;
	struct fds {
		int listener, loaded, broken, epoll, event;
		uint16_t port;
	} fds; /* the child's numbers */
};

static int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int child_listen(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = tcp_socket();

	if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		_exit(10);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void child(struct fixture *fixture)
{
	struct rlimit limit = {FD_LIMIT, FD_LIMIT};
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = DATA};
	struct fds *fds = &fixture->fds;
	int problem = 0, in = fixture->to_child[0], out = fixture->from_child[1];
	socklen_t size = sizeof(problem);
	char byte;

	fds->listener = child_listen(&fds->port);
	(void)!write(out, fds, sizeof(*fds));
	fds->loaded = accept(fds->listener, NULL, NULL);
	fds->broken = accept(fds->listener, NULL, NULL);
	fds->epoll = epoll_create1(0);
	fds->event = eventfd(0, 0);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    epoll_ctl(fds->epoll, EPOLL_CTL_ADD, fds->event, &event) < 0)
		_exit(11);
	(void)!write(out, fds, sizeof(*fds));
	event.data.fd = in;
	event.events = EPOLLIN;
	if (epoll_ctl(fds->epoll, EPOLL_CTL_ADD, in, &event) < 0 ||
	    epoll_wait(fds->epoll, &event, 1, -1) != 1 || read(in, &byte, 1) != 1)
		_exit(12);
	if (getsockopt(fds->broken, SOL_SOCKET, SO_ERROR, &problem, &size) < 0 || problem != ECONNRESET)
		_exit(13);
	_exit(0);
}

static int dial(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = tcp_socket();

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void dial_and_reset(uint16_t port)
{
	struct linger at_once = {1, 0};
	int fd = dial(port);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	assert_int_equal(close(fd), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct event start = event_make(EV_PROC, PROC_START);

	assert_non_null(fixture);
	assert_int_equal(pipe(fixture->to_child), 0);
	assert_int_equal(pipe(fixture->from_child), 0);
	fixture->pid = fork();
	if (fixture->pid == 0)
		child(fixture);
	assert_int_equal(read(fixture->from_child[0], &fixture->fds, sizeof(fixture->fds)),
			 sizeof(fixture->fds));
	fixture->sender = dial(fixture->fds.port);
	dial_and_reset(fixture->fds.port);
	assert_int_equal(read(fixture->from_child[0], &fixture->fds, sizeof(fixture->fds)),
			 sizeof(fixture->fds));
	fixture->waiter = dial(fixture->fds.port);
	assert_int_equal(write(fixture->sender, "wringer", 7), 7);

	fixture->world = world_new();
	start.pid = start.tid = fixture->pid;
	assert_int_equal(world_apply(fixture->world, &start), 0);
	fixture->target.pid = fixture->pid;
	fixture->target.watch = watch_find("ptrace");
	fixture->target.book = calloc(1, sizeof(*fixture->target.book));
	assert_int_equal(journal_create(NULL, &fixture->target.journal, NULL), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int status = -1;
	size_t at = 0;
	void *entry;

	assert_int_equal(write(fixture->to_child[1], "x", 1), 1);
	assert_int_equal(waitpid(fixture->pid, &status, 0), fixture->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0); /* 13: the probe took its SO_ERROR */
	world_free(fixture->world);
	journal_free(fixture->target.journal);
	for (int i = 0; i < 2; i++) {
		(void)close(fixture->to_child[i]);
		(void)close(fixture->from_child[i]);
	}
	(void)close(fixture->sender);
	(void)close(fixture->waiter);
	while ((entry = map_next(&fixture->target.book->entries, &at, NULL)))
		free(entry);
	map_free(&fixture->target.book->entries);
	free(fixture->target.limits.items);
	free(fixture->target.book);
	free(fixture);
	return 0;
}

static void test_socket(void **state)
{
	struct fixture *fixture = *state;
	struct event event;

	assert_int_equal(target_probe_socket(&fixture->target, fixture->pid, fixture->fds.loaded, &event), 0);
	assert_int_equal(event.what, PROBE_SOCKET);
	assert_int_equal(event.fd, fixture->fds.loaded);
	assert_int_equal(event.arg[0], 7);
	assert_int_equal(event.arg[1], 0);
	assert_int_equal(event.arg[2] & (EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR), EPOLLIN | EPOLLOUT);
	assert_int_equal(event.arg[3], STATE_ESTABLISHED);

	assert_int_equal(target_probe_socket(&fixture->target, fixture->pid, fixture->fds.broken, &event), 0);
	assert_int_equal(event.arg[2] & (EPOLLERR | EPOLLHUP), EPOLLERR | EPOLLHUP);
	assert_int_equal(event.arg[3], STATE_CLOSE);
}

static void test_listener(void **state)
{
	struct fixture *fixture = *state;
	struct event event;

	assert_int_equal(target_probe_socket(&fixture->target, fixture->pid, fixture->fds.listener, &event),
			 0);
	assert_int_equal(event.what, PROBE_LISTENER);
	assert_int_equal(event.arg[0], 1);
	assert_int_equal(event.arg[1], BACKLOG);
	assert_int_equal(event.arg[2] & EPOLLIN, EPOLLIN);
}

static void test_refusals(void **state)
{
	struct fixture *fixture = *state;
	struct event event;

	assert_int_equal(target_probe_socket(&fixture->target, fixture->pid, fixture->fds.event, &event),
			 -ENOTSOCK);
	assert_int_equal(target_probe_socket(&fixture->target, fixture->pid, 98, &event), -EBADF);
}

/* What target_probe wrote, counted by kind. */
struct seen {
	const struct fixture *fixture;
	unsigned sockets, listeners, epolls, processes, asleep;
};

static int look(void *arg, const struct event *event)
{
	struct seen *seen = arg;
	uint32_t count;
	const struct ready *ready;

	assert_int_equal(event->kind, EV_PROBE);
	assert_int_equal(event->pid, seen->fixture->pid);
	switch ((enum probe)event->what) {
	case PROBE_SOCKET:
		seen->sockets++;
		break;
	case PROBE_LISTENER:
		seen->listeners++;
		break;
	case PROBE_THREAD:
		if (event->arg[0] == 'S' && call_class((enum call)event->arg[1]) == CLASS_WAIT)
			seen->asleep++;
		break;
	case PROBE_PROCESS:
		seen->processes++;
		assert_in_range(event->arg[0], 10, 40);
		assert_true(event->arg[1] > 0);
		assert_true(event->arg[2] > 4096);
		assert_int_equal(event->arg[3], FD_LIMIT);
		break;
	case PROBE_EPOLL:
		seen->epolls++;
		assert_int_equal(event->fd, seen->fixture->fds.epoll);
		ready = event_ready(event, &count);
		for (uint32_t i = 0; i < count; i++) {
			if (ready[i].fd == seen->fixture->fds.event)
				assert_true(ready[i].data == DATA && (ready[i].events & EPOLLET));
		}
		break;
	}
	return 0;
}

static void test_everything(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.fixture = fixture};
	uint64_t until = clock_now() + 5 * NS_PER_S;

	/* the child is on its way to sleep: asked again until it is there */
	while (seen.asleep == 0 && clock_now() < until) {
		memset(&seen, 0, sizeof(seen));
		seen.fixture = fixture;
		assert_true(target_probe(&fixture->target, fixture->world) > 0);
		assert_int_equal(journal_drain(fixture->target.journal, look, &seen), 0);
	}
	assert_int_equal(seen.sockets, 2);
	assert_int_equal(seen.listeners, 1);
	assert_int_equal(seen.epolls, 1);
	assert_int_equal(seen.processes, 1);
	assert_int_equal(seen.asleep, 1);
}

static void test_resources(void **state)
{
	struct fixture *fixture = *state;
	uint64_t used = target_cpu(&fixture->target, fixture->world);

	assert_true(used > 0 && used < 10 * NS_PER_S);
	assert_true(target_cpu(&fixture->target, fixture->world) >= used);
	assert_in_range(target_fds(&fixture->target, fixture->world), 10, 40);
	assert_int_equal(target_fd_limit(&fixture->target, 0), FD_LIMIT);
	assert_true(target_rss(&fixture->target, fixture->world) > 4096);
	assert_int_equal(target_limit_fds(&fixture->target, fixture->world, FD_LIMIT - 1, FD_LIMIT, NULL), 0);
	assert_int_equal(target_fd_limit(&fixture->target, fixture->pid), FD_LIMIT - 1);
}

/* The limit leaves room for exactly so many, wherever the holes are; afterwards all is as before. */
static void test_spare(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(target_limit_spare(&fixture->target, fixture->world, 0, NULL), 0);
	assert_int_equal(target_fd_limit(&fixture->target, 0), fixture->fds.event + 1);
	assert_int_equal(target_limit_spare(&fixture->target, fixture->world, 3, NULL), 0);
	assert_int_equal(target_fd_limit(&fixture->target, 0), fixture->fds.event + 4);
	assert_int_equal(target_limit_restore(&fixture->target, fixture->world), 0);
	assert_int_equal(target_fd_limit(&fixture->target, 0), FD_LIMIT);
}

/* A hard limit that the target lowers meanwhile stays: it is its own, and may be past our raising. */
static void test_own_limit(void **state)
{
	struct fixture *fixture = *state;
	const struct rlimit own = {.rlim_cur = FD_LIMIT - 2, .rlim_max = FD_LIMIT - 2};

	assert_int_equal(target_limit_spare(&fixture->target, fixture->world, 3, NULL), 0);
	assert_int_equal(prlimit(fixture->pid, RLIMIT_NOFILE, &own, NULL), 0);
	assert_int_equal(target_limit_restore(&fixture->target, fixture->world), 0);
	assert_int_equal(target_fd_limit(&fixture->target, 0), FD_LIMIT - 2);
}

static void test_address(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_storage address;
	struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
	socklen_t size;

	/* nothing of the listener is in the journal: it is found through the fds of the process */
	assert_int_equal(target_address(&fixture->target, fixture->world, 0, &address, &size), 0);
	assert_int_equal(size, sizeof(struct sockaddr_in));
	assert_int_equal(in4->sin_family, AF_INET);
	assert_int_equal(ntohs(in4->sin_port), fixture->fds.port);
	assert_int_equal(ntohl(in4->sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(target_address(&fixture->target, fixture->world, 1, &address, &size), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_socket, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_listener, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_everything, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_resources, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_spare, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_own_limit, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_address, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
