/* SPDX-License-Identifier: MIT */
/*
 * One peer against a socket that the test plays itself: connecting, bytes both ways, the target's own
 * endings, and that the peer never spins on what it knows already. The peer's misbehaviours are in
 * test_fault.c.
 */
#include "test/peer/bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>

struct fixture {
	struct bench bench;
	struct peer *peer;
	int target; /* its end of the connection */
	uint64_t turns;
	bool free_on_change;
};

static void on_change(void *arg)
{
	struct fixture *f = arg;

	f->turns++;
	if (f->free_on_change) {
		peer_free(f->peer);
		f->peer = NULL;
	}
}

static struct peer_options plain(struct fixture *f)
{
	return (struct peer_options){.name = "c1", .id = 7, .reading = true, .changed = on_change, .arg = f};
}

static void make_peer(struct fixture *f, const struct peer_options *options)
{
	struct error error = {0};

	assert_int_equal(peer_new(f->bench.loop, f->bench.journal, (struct sockaddr *)&f->bench.address,
				  sizeof f->bench.address, options, &f->peer, &error),
			 0);
}

static bool connected(void *arg)
{
	return peer_state(arg) != PEER_CONNECTING;
}

static void join(struct fixture *f, const struct peer_options *options)
{
	make_peer(f, options);
	bench_until(&f->bench, connected, f->peer);
	assert_int_equal(peer_state(f->peer), PEER_OPEN);
	f->target = bench_accept(&f->bench);
	assert_true(f->target >= 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	bench_open(&f->bench);
	f->target = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	peer_free(f->peer);
	if (f->target >= 0)
		close(f->target);
	bench_drain(&f->bench);
	assert_true(f->bench.acts[PEER_GONE] == f->bench.acts[PEER_CONNECT]);
	bench_close(&f->bench);
	free(f);
	return 0;
}

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

static void target_fin(struct fixture *f)
{
	assert_int_equal(write(f->target, "bye", 3), 3);
	assert_int_equal(shutdown(f->target, SHUT_WR), 0);
}

static void target_resets(struct fixture *f)
{
	struct linger at_once = {.l_onoff = 1};

	assert_int_equal(write(f->target, "bye", 3), 3);
	assert_int_equal(setsockopt(f->target, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	close(f->target);
	f->target = -1;
}

static void half_close_first(struct fixture *f)
{
	assert_int_equal(peer_half_close(f->peer), 0);
}

static void stall_first(struct fixture *f)
{
	assert_int_equal(peer_stall(f->peer, true), 0);
}

static void stall_and_half_close(struct fixture *f)
{
	stall_first(f);
	half_close_first(f);
}

static bool saw_the_end(void *arg)
{
	struct fixture *f = arg;

	return f->bench.acts[PEER_GOT_FIN] + f->bench.acts[PEER_GOT_RST] > 0;
}

/*
 * However the target ends, told once, in order, and then the loop sleeps: HUP and RDHUP stay up for ever on a
 * level-triggered epoll, and a peer that keeps asking for them would burn the core it measures with.
 */
static void target_ends(void **state)
{
	static const struct {
		const char *name, *story;
		void (*before)(struct fixture *f), (*end)(struct fixture *f);
		enum peer_state after;
		int error;
		uint64_t received;
	} rows[] = {
	    {"fin", "RECV GOT_FIN", NULL, target_fin, PEER_TARGET_CLOSED, 0, 3},
	    {"fin, half-closed", "HALF_CLOSE RECV GOT_FIN", half_close_first, target_fin, PEER_TARGET_CLOSED,
	     0, 3},
	    {"fin, stalled", "STALL GOT_FIN", stall_first, target_fin, PEER_TARGET_CLOSED, 0, 0},
	    {"fin, stalled and half-closed", "STALL HALF_CLOSE GOT_FIN", stall_and_half_close, target_fin,
	     PEER_TARGET_CLOSED, 0, 0},
	    {"rst", "RECV GOT_RST GONE", NULL, target_resets, PEER_RESET_BY_TARGET, ECONNRESET, 3},
	    {"rst, half-closed", "HALF_CLOSE RECV GOT_RST GONE", half_close_first, target_resets,
	     PEER_RESET_BY_TARGET, ECONNRESET, 3},
	    {"rst, stalled", "STALL GOT_RST GONE", stall_first, target_resets, PEER_RESET_BY_TARGET,
	     ECONNRESET, 0},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f;
		char story[128];
		(void)state;
		setup((void **)&f);
		struct peer_options options = plain(f);
		join(f, &options);
		if (rows[i].before)
			rows[i].before(f);
		rows[i].end(f);
		bench_until(&f->bench, saw_the_end, f);
		bench_settle(&f->bench);
		snprintf(story, sizeof story, "CONNECT CONNECTED %s", rows[i].story);
		assert_string_equal(bench_story(&f->bench), story);
		assert_int_equal(peer_state(f->peer), rows[i].after);
		assert_int_equal(peer_error(f->peer), rows[i].error);
		assert_int_equal(peer_received(f->peer), rows[i].received);
		uint64_t turns = f->turns, start = clock_now();
		assert_int_equal(loop_step(f->bench.loop, start + 3 * NS_PER_MS), 0);
		if (f->turns != turns || clock_now() < start + 3 * NS_PER_MS)
			fail_msg("%s: the loop was woken for nothing", rows[i].name);
		teardown((void **)&f);
	}
}

/* Stalled when the FIN came; reading again it gets what was sent before, and the FIN is not told twice. */
static void reads_on_after_a_stall(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);
	struct pour pour = {.f = f, .wanted = 3};

	options.reading = false;
	join(f, &options);
	target_fin(f);
	bench_until(&f->bench, saw_the_end, f);
	assert_false(peer_ended(f->peer));
	assert_int_equal(peer_half_close(f->peer), 0);
	bench_settle(&f->bench);
	assert_int_equal(peer_stall(f->peer, false), 0);
	bench_until(&f->bench, in_inbox, &pour);
	bench_settle(&f->bench);
	assert_string_equal(bench_story(&f->bench), "CONNECT STALL CONNECTED GOT_FIN HALF_CLOSE STALL RECV");
	assert_true(peer_ended(f->peer));
	assert_memory_equal(peer_inbox(f->peer)->data, "bye", 3);
}

/* The handshake, the bytes and the reset are all over before the loop looks for the first time. */
static void reset_before_the_first_look(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);

	make_peer(f, &options);
	f->target = bench_accept(&f->bench);
	assert_true(f->target >= 0);
	target_resets(f);
	bench_until(&f->bench, saw_the_end, f);
	assert_string_equal(bench_story(&f->bench), "CONNECT CONNECTED RECV GOT_RST GONE");
	assert_int_equal(peer_error(f->peer), ECONNRESET);
}

/* A write after the target's close draws the reset, which the next write meets. */
static void sending_into_a_closed_target(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);

	join(f, &options);
	close(f->target);
	f->target = -1;
	bench_until(&f->bench, saw_the_end, f);
	assert_int_equal(peer_send(f->peer, "x", 1), 0);
	int r = peer_send(f->peer, "y", 1); /* the reset is back already: loopback */
	assert_int_equal(r, -EPIPE);
	assert_string_equal(bench_story(&f->bench), "CONNECT CONNECTED GOT_FIN SEND GOT_RST GONE");
	assert_int_equal(f->bench.last.what, PEER_GONE);
	assert_int_equal(peer_error(f->peer), EPIPE);
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(connects_and_says_from_where),
	    TEST(refused),
	    TEST(no_fd_left),
	    TEST(own_trouble_is_an_error),
	    TEST(sends_as_the_kernel_takes_it),
	    TEST(queued_while_connecting),
	    cmocka_unit_test(bounded_inbox),
	    cmocka_unit_test(target_ends),
	    TEST(reads_on_after_a_stall),
	    TEST(reset_before_the_first_look),
	    TEST(sending_into_a_closed_target),
	    TEST(changed_may_free_it),
	    TEST(note),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
