/* SPDX-License-Identifier: MIT */
/* The target closes or resets: what the peer makes of it, and that it never spins on what it knows already.
 */
#include "test/peer/fixture.h"

#include <stdio.h>

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

static bool has_read_it(void *arg)
{
	return peer_received(((struct fixture *)arg)->peer) == 3;
}

/* Stalled when the FIN came; reading again it gets what was sent before, and the FIN is not told twice. */
static void reads_on_after_a_stall(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);

	options.reading = false;
	join(f, &options);
	target_fin(f);
	bench_until(&f->bench, saw_the_end, f);
	assert_false(peer_ended(f->peer));
	assert_int_equal(peer_half_close(f->peer), 0);
	bench_settle(&f->bench);
	assert_int_equal(peer_stall(f->peer, false), 0);
	bench_until(&f->bench, has_read_it, f);
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

static void looks_without_a_turn(void **state)
{
	struct fixture *f = *state;
	struct peer_options options = plain(f);

	join(f, &options);
	uint64_t turns = f->turns;
	peer_look(f->peer);
	target_fin(f);
	peer_look(f->peer);
	assert_true(peer_ended(f->peer));
	assert_int_equal(peer_inbox(f->peer)->size, 3);
	assert_int_equal(f->turns, turns);
	assert_int_equal(peer_fin(f->peer), 0);
	peer_look(f->peer);
	assert_string_equal(bench_story(&f->bench), "CONNECT CONNECTED RECV GOT_FIN FIN GONE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(target_ends),     TEST(reads_on_after_a_stall),
	    TEST(reset_before_the_first_look), TEST(sending_into_a_closed_target),
	    TEST(looks_without_a_turn),
	};

	return cmocka_run_group_tests_name("target ends", tests, NULL, NULL);
}
