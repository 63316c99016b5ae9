/* SPDX-License-Identifier: MIT */
/*
 * One peer against a socket that the test plays itself: connecting, and bytes both ways. The target's own
 * endings are in test_target_ends.c, the peer's misbehaviours in test_fault.c.
 */
#include "test/peer/fixture.h"

#include <sys/resource.h>

static void connects_and_says_from_where(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);
	struct sockaddr_in from;
	socklen_t size = sizeof from;

	options.canary = true;
	make_peer(f, &options);
	bench_drain(&f->bench);
	assert_int_equal(f->bench.last.what, PEER_CONNECT);
	assert_int_equal(f->bench.last.peer, 7);
	assert_int_equal(f->bench.last.arg[0], peer_port(f->peer));
	assert_string_equal(f->bench.text, "c1");
	bench_until(&f->bench, connected, f->peer);
	f->target = accept(f->bench.listener, (struct sockaddr *)&from, &size);
	assert_true(f->target >= 0);
	assert_int_equal(ntohs(from.sin_port), peer_port(f->peer));
	assert_string_equal(bench_story(&f->bench), "CONNECT CONNECTED");
	assert_int_equal(f->bench.flagged, f->bench.events);
	assert_int_equal(peer_id(f->peer), 7);
	assert_string_equal(peer_name(f->peer), "c1");
}

static void refused(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);

	bench_stop_listening(&f->bench);
	make_peer(f, &options);
	bench_until(&f->bench, connected, f->peer);
	assert_int_equal(peer_state(f->peer), PEER_FAILED);
	assert_int_equal(peer_error(f->peer), ECONNREFUSED);
	assert_string_equal(bench_story(&f->bench), "CONNECT REFUSED GONE");
	assert_int_equal(peer_send(f->peer, "x", 1), -EPIPE);
}

static void no_fd_left(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);
	struct rlimit old, none;
	struct error error = {0};

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int r = peer_new(f->bench.loop, f->bench.journal, (struct sockaddr *)&f->bench.address,
			 sizeof f->bench.address, &options, &f->peer, &error);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, -EMFILE);
	assert_null(f->peer);
	assert_non_null(strstr(error.text, "wringer's own limit of open files is 3"));
	assert_string_equal(bench_story(&f->bench), "");
}

/* A port is never free for a family that does not exist: our own trouble is an error, not the target's
 * refusal. */
static void own_trouble_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);
	struct error error = {0};
	struct sockaddr_in nowhere = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_BROADCAST)};

	int r = peer_new(f->bench.loop, f->bench.journal, (struct sockaddr *)&nowhere, sizeof nowhere,
			 &options, &f->peer, &error);
	assert_true(r < 0);
	assert_non_null(strstr(error.text, "connect of peer c1"));
	assert_string_equal(bench_story(&f->bench), "");
}

/* What the target received so far, of how much. */
struct pour {
	struct fixture *f;
	uint64_t wanted, got;
	bool ended, wrong;
};

static char byte_at(uint64_t place)
{
	return (char)(place * 31 >> 3);
}

static bool target_reads_all(void *arg)
{
	static char chunk[1 << 16];
	struct pour *pour = arg;
	ssize_t n;

	while ((n = read(pour->f->target, chunk, sizeof chunk)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			pour->wrong |= chunk[i] != byte_at(pour->got + (uint64_t)i);
		pour->got += (uint64_t)n;
	}
	pour->ended |= n == 0;
	return pour->ended;
}

static char *pattern(size_t size)
{
	char *data = malloc(size);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(i);
	return data;
}

/* 8 MiB to a target that does not read at first, then does; the half-close waits for the last byte. */
static void sends_as_the_kernel_takes_it(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);
	struct pour pour = {.f = f, .wanted = (8 << 20) + 100};
	char *data = pattern(pour.wanted);

	join(f, &options);
	assert_int_equal(peer_send(f->peer, data, 100), 0);
	assert_int_equal(peer_send(f->peer, data + 100, 8 << 20), 0);
	free(data);
	bench_settle(&f->bench);
	assert_true(peer_unsent(f->peer) > 0);
	assert_true(peer_unacked(f->peer) > 0);
	assert_int_equal(peer_sent(f->peer) + peer_unsent(f->peer), pour.wanted);
	assert_int_equal(peer_half_close(f->peer), 0);
	assert_int_equal(peer_send(f->peer, "x", 1), -EPIPE);
	assert_int_equal(f->bench.acts[PEER_HALF_CLOSE], 0);
	bench_until(&f->bench, target_reads_all, &pour);
	assert_int_equal(pour.got, pour.wanted);
	assert_false(pour.wrong);
	assert_int_equal(peer_sent(f->peer), pour.wanted);
	assert_int_equal(peer_unsent(f->peer), 0);
	assert_int_equal(f->bench.bytes_sent, pour.wanted);
	assert_string_equal(bench_story(&f->bench), "CONNECT CONNECTED SEND HALF_CLOSE");
	assert_int_equal(peer_state(f->peer), PEER_HALF_CLOSED);
}

static bool in_inbox(void *arg)
{
	struct pour *pour = arg;

	return peer_received(pour->f->peer) >= pour->wanted;
}

static void queued_while_connecting(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);
	struct pour pour = {.f = f};
	char *data = pattern(5);

	make_peer(f, &options);
	assert_int_equal(peer_send(f->peer, data, 5), 0);
	free(data);
	bench_until(&f->bench, connected, f->peer);
	assert_int_equal(peer_half_close(f->peer), 0);
	f->target = bench_accept(&f->bench);
	bench_until(&f->bench, target_reads_all, &pour);
	assert_int_equal(pour.got, 5);
	assert_false(pour.wrong);
	assert_string_equal(bench_story(&f->bench), "CONNECT CONNECTED SEND HALF_CLOSE");
}

static void bounded_inbox(void **state)
{
	static const struct {
		size_t keep, sent, take, kept;
	} rows[] = {{10, 10, 0, 10}, {10, 25, 0, 10}, {1, 3, 0, 1}, {0, 5000, 0, 5000}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f;
		(void)state;
		setup((void **)&f);
		struct peer_options options = plain(f);
		struct pour pour = {.f = f, .wanted = rows[i].sent};
		char *data = pattern(rows[i].sent);
		options.keep = rows[i].keep;
		join(f, &options);
		assert_int_equal(write(f->target, data, rows[i].sent), rows[i].sent);
		bench_until(&f->bench, in_inbox, &pour);
		assert_int_equal(peer_received(f->peer), rows[i].sent);
		assert_int_equal(peer_dropped(f->peer), rows[i].sent - rows[i].kept);
		assert_int_equal(peer_inbox(f->peer)->size, rows[i].kept);
		assert_memory_equal(peer_inbox(f->peer)->data, data, rows[i].kept);
		assert_int_equal(f->bench.bytes_received, rows[i].sent);
		assert_int_equal(f->bench.last.arg[0], rows[i].sent);
		free(data);
		teardown((void **)&f);
	}
}

static void changed_may_free_it(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);

	join(f, &options);
	f->free_on_change = true;
	assert_int_equal(write(f->target, "x", 1), 1);
	bench_settle(&f->bench);
	assert_null(f->peer);
	assert_string_equal(bench_story(&f->bench), "CONNECT CONNECTED RECV FIN GONE");
}

static void over_ipv6(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, from;
	socklen_t size = sizeof address;
	struct error error;
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0)
		skip();
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(peer_new(f->bench.loop, f->bench.journal, (struct sockaddr *)&address,
				  sizeof address, &options, &f->peer, &error),
			 0);
	bench_until(&f->bench, connected, f->peer);
	f->target = accept(listener, (struct sockaddr *)&from, &size);
	close(listener);
	assert_true(f->target >= 0);
	assert_int_equal(ntohs(from.sin6_port), peer_port(f->peer));
}

static void note(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);

	join(f, &options);
	peer_note(f->peer, PEER_CUT, 3, 10, 77, "why");
	bench_drain(&f->bench);
	assert_int_equal(f->bench.last.what, PEER_CUT);
	assert_int_equal(f->bench.last.arg[0], 3);
	assert_int_equal(f->bench.last.arg[1], 10);
	assert_int_equal(f->bench.last.arg[2], 77);
	assert_int_equal(f->bench.last.size, 4);
	assert_string_equal(f->bench.text, "why");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(connects_and_says_from_where),
	    TEST(refused),
	    TEST(no_fd_left),
	    TEST(own_trouble_is_an_error),
	    TEST(sends_as_the_kernel_takes_it),
	    TEST(queued_while_connecting),
	    cmocka_unit_test(bounded_inbox),
	    TEST(changed_may_free_it),
	    TEST(over_ipv6),
	    TEST(note),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
