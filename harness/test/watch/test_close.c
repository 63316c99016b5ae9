/* SPDX-License-Identifier: MIT */
/*
 * What a connection still holds is asked before it is closed. The target is both ends:
 *
 *     client ── bytes, and perhaps a FIN ──► accepted ── close
 */
#include "play.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
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

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
	    {"close", part_close},
	};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_close),
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
