/* SPDX-License-Identifier: MIT */
/*
 * Every misbehaviour, seen from the other end: the mask poll gives there, the socket's error, its TCP state,
 * and the acts in the journal, in order. The masks are those of DESIGN.md's table.
 */
#include "test/peer/bench.h"

#include <linux/tcp.h> /* not netinet/: its tcp_info is too old to count segments */
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { STATE_ESTABLISHED = 1, STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8 };

struct pair {
	struct bench bench;
	struct peer *peer;
	int target;
};

static bool connected(void *arg)
{
	return peer_state(arg) != PEER_CONNECTING;
}

static void pair_open(struct pair *pair, const struct peer_options *options)
{
	struct error error;

	bench_open(&pair->bench);
	assert_int_equal(peer_new(pair->bench.loop, pair->bench.journal,
				  (struct sockaddr *)&pair->bench.address, sizeof pair->bench.address,
				  options, &pair->peer, &error),
			 0);
	bench_until(&pair->bench, connected, pair->peer);
	pair->target = bench_accept(&pair->bench);
	assert_true(pair->target >= 0);
}

static void pair_close(struct pair *pair)
{
	peer_free(pair->peer);
	if (pair->target >= 0)
		close(pair->target);
	bench_drain(&pair->bench);
	assert_int_equal(pair->bench.acts[PEER_GONE], 1);
	bench_close(&pair->bench);
}

static int mask_of(int fd, int timeout)
{
	struct pollfd all = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};

	assert_true(poll(&all, 1, timeout) >= 0);
	return all.revents;
}

static int error_of(int fd)
{
	int code = 0;
	socklen_t size = sizeof code;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size), 0);
	return code;
}

static int state_of(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	return info.tcpi_state;
}

static int oob(struct peer *peer)
{
	return peer_oob(peer, '!');
}

#define FIN_MASK (POLLIN | POLLOUT | POLLRDHUP)
#define RST_MASK (POLLIN | POLLOUT | POLLRDHUP | POLLERR | POLLHUP)

static const struct end_row {
	const char *name, *story;
	int (*act)(struct peer *peer);
	bool stalled, unread; /* the target has sent three bytes before */
	int mask, error, state;
	enum peer_state after;
} end_rows[] = {
    {"fin", "FIN GONE", peer_fin, false, false, FIN_MASK, 0, STATE_CLOSE_WAIT, PEER_CLOSED},
    {"fin, bytes just arrived", "RECV FIN GONE", peer_fin, false, true, FIN_MASK, 0, STATE_CLOSE_WAIT,
     PEER_CLOSED},
    {"fin, stalled over bytes", "STALL RECV FIN GONE", peer_fin, true, true, FIN_MASK, 0, STATE_CLOSE_WAIT,
     PEER_CLOSED},
    {"half-close", "HALF_CLOSE", peer_half_close, false, false, FIN_MASK, 0, STATE_CLOSE_WAIT,
     PEER_HALF_CLOSED},
    {"rst", "RST GONE", peer_reset, false, false, RST_MASK, ECONNRESET, STATE_CLOSE, PEER_CLOSED},
    {"rst, stalled over bytes", "STALL RST GONE", peer_reset, true, true, RST_MASK, ECONNRESET, STATE_CLOSE,
     PEER_CLOSED},
    {"close-unread", "STALL CLOSE_UNREAD GONE", peer_close_unread, true, true, RST_MASK, ECONNRESET,
     STATE_CLOSE, PEER_CLOSED},
    {"vanish", "VANISH GONE", peer_vanish, false, false, POLLOUT, 0, STATE_ESTABLISHED, PEER_CLOSED},
    {"vanish, stalled over bytes", "STALL VANISH GONE", peer_vanish, true, true, POLLOUT, 0,
     STATE_ESTABLISHED, PEER_CLOSED},
    {"oob", "OOB", oob, false, false, POLLOUT | POLLPRI, 0, STATE_ESTABLISHED, PEER_OPEN},
};

/* Loopback delivers before the sender's call returns; where it does not, the mask gets a moment to come. */
static void check_other_end(const struct end_row *row, int target)
{
	int mask = mask_of(target, 0);

	for (int i = 0; i < 1000 && mask != row->mask; i++)
		mask = mask_of(target, 1);
	if (mask != row->mask)
		fail_msg("%s: mask %#x, not %#x", row->name, (unsigned)mask, (unsigned)row->mask);
	assert_int_equal(state_of(target), row->state);
	assert_int_equal(error_of(target), row->error);
}

static void check_row(const struct end_row *row)
{
	struct pair pair;
	struct peer_options options = {.name = "c1", .id = 1, .reading = true};
	char story[128];

	pair_open(&pair, &options);
	if (row->stalled)
		assert_int_equal(peer_stall(pair.peer, true), 0);
	if (row->unread)
		assert_int_equal(write(pair.target, "bye", 3), 3);
	int r = row->act(pair.peer);
	if (r == -EPERM && row->act == peer_vanish) {
		print_message("%s: not checked, it takes CAP_NET_ADMIN\n", row->name);
		assert_int_equal(peer_state(pair.peer), PEER_OPEN);
		pair_close(&pair);
		return;
	}
	assert_int_equal(r, 0);
	snprintf(story, sizeof story, "CONNECT CONNECTED %s", row->story);
	assert_string_equal(bench_story(&pair.bench), story);
	assert_int_equal(peer_state(pair.peer), row->after);
	check_other_end(row, pair.target);
	pair_close(&pair);
}

static void ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof end_rows / sizeof *end_rows; i++)
		check_row(&end_rows[i]);
}

/* Nothing to do it to: said, not journalled, and GONE stays one. */
static void ends_of_what_is_gone(void **state)
{
	static int (*const acts[])(struct peer *) = {peer_fin,		peer_half_close, peer_reset,
						     peer_close_unread, peer_vanish,	 oob};
	struct pair pair;
	struct peer_options options = {.name = "c1", .id = 1, .reading = true};

	(void)state;
	pair_open(&pair, &options);
	assert_int_equal(peer_reset(pair.peer), 0);
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		assert_int_equal(acts[i](pair.peer), -ENOTCONN);
	assert_int_equal(peer_stall(pair.peer, true), -ENOTCONN);
	assert_int_equal(peer_send(pair.peer, "x", 1), -EPIPE);
	assert_string_equal(bench_story(&pair.bench), "CONNECT CONNECTED RST GONE");
	pair_close(&pair);
}

/* The target resets, and before the loop has looked the scenario wants its own end: the target was first. */
static void target_was_first(void **state)
{
	static int (*const acts[])(struct peer *) = {peer_fin,		peer_half_close, peer_reset,
						     peer_close_unread, peer_vanish,	 oob};

	(void)state;
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		struct pair pair;
		struct peer_options options = {.name = "c1", .id = 1, .reading = true};
		struct linger at_once = {.l_onoff = 1};
		pair_open(&pair, &options);
		assert_int_equal(setsockopt(pair.target, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
		close(pair.target);
		pair.target = -1;
		assert_int_equal(acts[i](pair.peer), -ENOTCONN);
		assert_int_equal(peer_state(pair.peer), PEER_RESET_BY_TARGET);
		assert_string_equal(bench_story(&pair.bench), "CONNECT CONNECTED GOT_RST GONE");
		pair_close(&pair);
	}
}

static void close_unread_needs_bytes(void **state)
{
	struct pair pair;
	struct peer_options options = {.name = "c1", .id = 1, .reading = false};

	(void)state;
	pair_open(&pair, &options);
	assert_int_equal(peer_close_unread(pair.peer), -EAGAIN);
	assert_int_equal(peer_state(pair.peer), PEER_OPEN);
	assert_int_equal(write(pair.target, "four", 4), 4);
	assert_int_equal(peer_close_unread(pair.peer), 0);
	bench_drain(&pair.bench);
	assert_string_equal(bench_story(&pair.bench), "CONNECT STALL CONNECTED CLOSE_UNREAD GONE");
	pair_close(&pair);
}

struct flood {
	struct pair *pair;
	uint64_t written;
};

static void fill(struct flood *flood)
{
	static char chunk[16384];
	ssize_t n;

	while ((n = write(flood->pair->target, chunk, sizeof chunk)) > 0)
		flood->written += (uint64_t)n;
	assert_int_equal(errno, EAGAIN);
}

static bool all_received(void *arg)
{
	struct flood *flood = arg;

	return peer_received(flood->pair->peer) == flood->written;
}

/* The window really closes: the target's writes end in EAGAIN, it stays so, and everything arrives once
 * reading goes on. */
static void stall_fills_the_window(void **state)
{
	struct pair pair;
	struct peer_options options = {
	    .name = "c1", .id = 1, .reading = false, .receive_buffer = 4096, .keep = 1000};
	struct flood flood = {.pair = &pair};
	int queued = 0, unsent = 0;

	(void)state;
	pair_open(&pair, &options);
	fill(&flood);
	bench_settle(&pair.bench);
	assert_int_equal(mask_of(pair.target, 0) & POLLOUT, 0);
	assert_int_equal(peer_received(pair.peer), 0);
	assert_int_equal(ioctl(pair.target, TIOCOUTQ, &queued), 0);
	assert_true(queued > 0);
	assert_int_equal(ioctl(pair.target, SIOCOUTQNSD, &unsent), 0);
	assert_true(unsent > 0); /* not in flight: held back by the window */
	assert_int_equal(peer_stall(pair.peer, false), 0);
	bench_until(&pair.bench, all_received, &flood);
	assert_int_equal(mask_of(pair.target, 0) & POLLOUT, POLLOUT);
	assert_int_equal(peer_dropped(pair.peer), flood.written - 1000);
	assert_string_equal(bench_story(&pair.bench), "CONNECT STALL CONNECTED STALL RECV");
	pair_close(&pair);
}

static void stall_is_told_when_it_changes(void **state)
{
	struct pair pair;
	struct peer_options options = {.name = "c1", .id = 1, .reading = true};

	(void)state;
	pair_open(&pair, &options);
	assert_int_equal(peer_stall(pair.peer, false), 0);
	assert_int_equal(peer_stall(pair.peer, true), 0);
	assert_int_equal(peer_stall(pair.peer, true), 0);
	bench_drain(&pair.bench);
	assert_int_equal(pair.bench.acts[PEER_STALL], 1);
	assert_int_equal(pair.bench.last.arg[0], 1);
	pair_close(&pair);
}

/* Bytes the kernel has not taken are dropped by an end; the ones it took still arrive before the FIN. */
static void fin_drops_what_is_unsent(void **state)
{
	struct pair pair;
	struct peer_options options = {.name = "c1", .id = 1, .reading = true};
	static char bulk[16 << 20], chunk[65536];
	uint64_t got = 0;

	(void)state;
	pair_open(&pair, &options);
	assert_int_equal(peer_send(pair.peer, bulk, sizeof bulk), 0);
	assert_true(peer_unsent(pair.peer) > 0);
	assert_int_equal(peer_oob(pair.peer, '!'), -EAGAIN);
	assert_int_equal(peer_fin(pair.peer), 0);
	assert_int_equal(peer_unsent(pair.peer), 0);
	for (ssize_t n = 1; n;) {
		assert_true(mask_of(pair.target, 10000) & POLLIN);
		n = read(pair.target, chunk, sizeof chunk);
		assert_true(n >= 0);
		got += (uint64_t)n;
	}
	assert_int_equal(got, peer_sent(pair.peer));
	assert_true(got < sizeof bulk);
	pair_close(&pair);
}

static uint32_t segments_into(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	return info.tcpi_segs_in;
}

/* Not one packet: neither of the vanishing itself nor of bytes that were queued or unread. */
static void vanishes_without_a_packet(void **state)
{
	struct pair pair;
	struct peer_options options = {.name = "c1", .id = 1, .reading = false};

	(void)state;
	pair_open(&pair, &options);
	assert_int_equal(write(pair.target, "bye", 3), 3);
	assert_int_equal(peer_send(pair.peer, "hello", 5), 0);
	uint32_t before = segments_into(pair.target);
	int r = peer_vanish(pair.peer);
	uint32_t after = segments_into(pair.target);
	pair_close(&pair);
	if (r == -EPERM)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(after, before);
}

/* A listener whose queue is full answers no SYN: a peer that is still connecting has nothing to end. */
static void still_connecting(void **state)
{
	struct bench bench;
	struct peer *peers[4] = {0};
	struct peer_options options = {.name = "c1", .reading = true};
	struct error error;
	int waiting = -1;

	(void)state;
	bench_open(&bench);
	assert_int_equal(listen(bench.listener, 0), 0);
	for (int i = 0; i < 4; i++) {
		options.id = i;
		assert_int_equal(peer_new(bench.loop, bench.journal, (struct sockaddr *)&bench.address,
					  sizeof bench.address, &options, &peers[i], &error),
				 0);
		bench_settle(&bench);
		if (peer_state(peers[i]) == PEER_CONNECTING)
			waiting = i;
	}
	assert_true(waiting >= 0);
	assert_int_equal(peer_fin(peers[waiting]), -ENOTCONN);
	assert_int_equal(peer_reset(peers[waiting]), -ENOTCONN);
	assert_int_equal(peer_vanish(peers[waiting]), -ENOTCONN);
	assert_int_equal(peer_half_close(peers[waiting]), 0); /* waits for the connection */
	assert_int_equal(peer_state(peers[waiting]), PEER_CONNECTING);
	bench_drain(&bench);
	uint32_t fins = bench.acts[PEER_FIN];
	peer_free(peers[waiting]);
	bench_drain(&bench);
	assert_int_equal(bench.acts[PEER_FIN], fins);
	assert_int_equal(bench.last.what, PEER_GONE);
	for (int i = 0; i < 4; i++)
		if (i != waiting)
			peer_free(peers[i]);
	bench_close(&bench);
}

/* Acts are journalled before the target can see them: the event's time is no later than the mask's. */
static void stamped_before_the_call(void **state)
{
	static int (*const acts[])(struct peer *) = {peer_fin, peer_half_close, peer_reset};

	(void)state;
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		struct pair pair;
		struct peer_options options = {.name = "c1", .id = 1, .reading = true};
		pair_open(&pair, &options);
		bench_drain(&pair.bench);
		uint64_t before = clock_now() - journal_start(pair.bench.journal);
		assert_int_equal(acts[i](pair.peer), 0);
		mask_of(pair.target, 1000);
		uint64_t seen = clock_now() - journal_start(pair.bench.journal);
		bench_drain(&pair.bench);
		assert_in_range(pair.bench.last.at, before, seen);
		pair_close(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends),
	    cmocka_unit_test(ends_of_what_is_gone),
	    cmocka_unit_test(target_was_first),
	    cmocka_unit_test(close_unread_needs_bytes),
	    cmocka_unit_test(stall_fills_the_window),
	    cmocka_unit_test(stall_is_told_when_it_changes),
	    cmocka_unit_test(fin_drops_what_is_unsent),
	    cmocka_unit_test(vanishes_without_a_packet),
	    cmocka_unit_test(still_connecting),
	    cmocka_unit_test(stamped_before_the_call),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
