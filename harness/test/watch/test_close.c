/* SPDX-License-Identifier: MIT */
/*
 * What a connection still holds is asked before it is closed. The target is both ends:
 *
 *     client ── bytes, and perhaps a FIN ──► accepted ── close
 *
 * And whoever borrows a socket does not keep it open for longer than its owner does.
 */
#include "play.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* One connection to the listener: its accepted end; *ret_client is the other. */
static int connection(int listener, int *ret_client)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;

	*ret_client = socket(AF_INET, SOCK_STREAM, 0);
	if (getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(*ret_client, (struct sockaddr *)&address, size) < 0)
		return -1;
	return accept(listener, NULL, NULL);
}

static int part_close(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client, accepted;

	CHECK(listen(listener, 8) == 0);
	for (int round = 0; round < 3; round++) {
		accepted = connection(listener, &client);
		CHECK(accepted >= 0);
		CHECK(round == 0 || send(client, "seven..", 7, 0) == 7);
		CHECK(round != 2 || shutdown(client, SHUT_WR) == 0);
		play_mark(round);
		CHECK(close(accepted) == 0);
		close(client);
	}
	/* The end that was not accepted is not asked. */
	accepted = connection(listener, &client);
	CHECK(send(accepted, "seven..", 7, 0) == 7);
	play_mark(3);
	CHECK(close(client) == 0);
	return 0;
}

static void test_close(void **state)
{
	static const uint64_t unread[] = {0, 7, 7, 0};
	static const uint64_t states[] = {0, TCP_ESTABLISHED, TCP_CLOSE_WAIT, 0};
	struct play play;

	(void)state;
	play_through(&play, "close");
	for (size_t i = 0; i < COUNT_OF(unread); i++) {
		const struct event *event = play_event(&play, play_behind(&play, i), EV_CALL, CALL_close);

		assert_int_equal(event->ret, 0);
		assert_int_equal(event->arg[0], unread[i]);
		assert_int_equal(event->arg[1], 0);
		assert_int_equal(event->arg[2], states[i]);
	}
	play_free(&play);
}

#define CHURNED                                                                                              \
	40 /* the first number that is opened and closed, over and over; the other thread's is the next */
#define CHURN_ROUNDS 1500

/*
 * A socket with something to read is registered, and closed. From there on the epoll set has nothing more to
 * tell: unless somebody else holds the socket, and then it tells of one that is gone. How often that was so.
 */
static void *churn(void *arg)
{
	int number = (int)(intptr_t)arg, epoll = epoll_create1(0);
	intptr_t stale = 0;

	CHECK(epoll >= 0);
	for (int round = 0; round < CHURN_ROUNDS; round++) {
		struct epoll_event event = {.events = EPOLLIN};
		int pair[2];

		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		CHECK(write(pair[1], "x", 1) == 1);
		CHECK(dup2(pair[0], number) == number && close(pair[0]) == 0);
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) == 0);
		CHECK(close(number) == 0);
		stale += epoll_wait(epoll, &event, 1, 0) > 0;
		close(pair[1]);
	}
	return (void *)stale;
}

static int part_churn(void)
{
	pthread_t other;
	intptr_t stale[2];

	CHECK(pthread_create(&other, NULL, churn, (void *)(intptr_t)(CHURNED + 1)) == 0);
	stale[0] = (intptr_t)churn((void *)(intptr_t)CHURNED);
	CHECK(pthread_join(other, (void **)&stale[1]) == 0);
	CHECK(write(PLAY_RESULT, stale, sizeof stale) == sizeof stale);
	return 0;
}

/* Both numbers, for the time of a question. How many were open. */
static unsigned borrow_both(int pidfd)
{
	unsigned count = 0;

	for (int number = CHURNED; number < CHURNED + 2; number++) {
		struct pollfd question = {(int)syscall(SYS_pidfd_getfd, pidfd, number, 0), POLLIN, 0};

		if (question.fd < 0)
			continue;
		assert_true(poll(&question, 1, 0) >= 0);
		close(question.fd);
		count++;
	}
	return count;
}

static void test_what_is_borrowed_is_not_closed(void **state)
{
	struct pollfd done = {.events = POLLIN};
	unsigned borrowed = 0;
	intptr_t stale[2];
	struct play play;
	int pidfd;

	(void)state;
	play_init(&play, "churn");
	play_start(&play);
	pidfd = (int)syscall(SYS_pidfd_open, play.pid, 0);
	assert_true(pidfd >= 0);
	done.fd = watcher_done_fd(play.watcher);
	while (poll(&done, 1, 0) == 0) {
		if (watcher_hold_fds(play.watcher)) {
			borrowed += borrow_both(pidfd);
			watcher_release_fds(play.watcher);
		}
		assert_int_equal(journal_drain(play.journal, play_sink, &play), 0);
	}
	assert_int_equal(play_finish(&play), 0);
	assert_true(borrowed > 0);
	assert_int_equal(pread(play.result, stale, sizeof stale, 0), sizeof stale);
	assert_int_equal(stale[0] + stale[1], 0);
	close(pidfd);
	play_free(&play);
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
	    {"close", part_close},
	    {"churn", part_churn},
	};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_what_is_borrowed_is_not_closed),
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
