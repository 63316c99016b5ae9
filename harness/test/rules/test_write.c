/* SPDX-License-Identifier: MIT */
/*
 * write-not-armed and write-lost, each in variants of one story.
 *
 *     c3 asks ── write = 4096 of 65536 ── epoll_wait (IN only) …… c3 has read it all … QUIET: the socket is
 * writable
 */
#include "story.h"

struct stuck {
	const char *name;
	bool broken;
	int64_t wrote;	 /* of 65536; 65536: all */
	uint32_t mask;	 /* registered with when it sleeps */
	uint32_t fdinfo; /* what /proc says beside, 0 nothing */
	uint64_t slept;	 /* ms */
	uint64_t timeout;
	bool full; /* the socket is not writable */
	bool stalled, ended, retried, timerfd, polls;
	enum call call;
};

#define WHOLE 65536

static const struct stuck stucks[] = {
    {.name = "short, not armed", .broken = true, .wrote = 4096, .mask = EPOLLIN, .slept = 400},
    {.name = "EAGAIN, not armed", .broken = true, .wrote = -EAGAIN, .mask = EPOLLIN | EPOLLET, .slept = 400},
    {.name = "timers, waited for",
     .broken = true,
     .wrote = 4096,
     .mask = EPOLLIN,
     .slept = 3200,
     .timeout = NS_PER_S},
    {.name = "a timer may retry", .wrote = 4096, .mask = EPOLLIN, .slept = 2000, .timeout = NS_PER_S},
    {.name = "a timerfd may retry", .wrote = 4096, .mask = EPOLLIN, .slept = 2000, .timerfd = true},
    {.name = "armed", .wrote = 4096, .mask = EPOLLIN | EPOLLOUT, .slept = 400},
    {.name = "always armed, edge-triggered",
     .wrote = -EAGAIN,
     .mask = EPOLLIN | EPOLLOUT | EPOLLET,
     .slept = 400},
    {.name = "armed out of our sight",
     .wrote = 4096,
     .mask = EPOLLIN,
     .fdinfo = EPOLLIN | EPOLLOUT,
     .slept = 400},
    {.name = "one-shot, disarmed", .wrote = 4096, .mask = EPOLLIN | EPOLLONESHOT, .slept = 400},
    {.name = "nothing owed", .wrote = WHOLE, .mask = EPOLLIN, .slept = 400},
    {.name = "no room yet", .wrote = 4096, .mask = EPOLLIN, .slept = 400, .full = true},
    {.name = "the peer does not read", .wrote = 4096, .mask = EPOLLIN, .slept = 400, .stalled = true},
    {.name = "the peer is gone", .wrote = 4096, .mask = EPOLLIN, .slept = 400, .ended = true},
    {.name = "written on", .wrote = 4096, .mask = EPOLLIN, .slept = 400, .retried = true},
    {.name = "polls", .wrote = 4096, .mask = EPOLLIN, .slept = 400, .polls = true},
    {.name = "sendfile at its end", .wrote = 4096, .mask = EPOLLIN, .slept = 400, .call = CALL_sendfile},
    {.name = "sendmmsg counts messages", .wrote = 1, .mask = EPOLLIN, .slept = 400, .call = CALL_sendmmsg},
};

static void tell_interest(struct story *s, uint32_t mask)
{
	const struct ready armed = {.data = 9, .events = mask, .fd = 9};
	struct event event = story_event(s, EV_PROBE, PROBE_EPOLL, STORY_EPOLL, 0);

	event.data = &armed;
	event.size = sizeof(armed);
	if (mask)
		story_tell(s, event);
}

static void ask_and_write(struct story *s, const struct stuck *stuck)
{
	story_conn(s, 3, 9, stuck->mask);
	story_peer_args(s, 3, PEER_SEND, 30, 30, 0, 0);
	story_wait(s, 9, EPOLLIN);
	story_read(s, 9, 30);
	story_asking(s, stuck->call ? stuck->call : CALL_write, 9, stuck->wrote, WHOLE, 0);
	if (stuck->retried)
		story_write(s, 9, WHOLE - 4096, WHOLE - 4096);
	if (stuck->stalled)
		story_peer_args(s, 3, PEER_STALL, 0, 1, 0, 0);
	if (stuck->timerfd)
		story_call(s, CALL_timerfd_create, -1, 12);
}

static void test_not_armed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stucks) / sizeof(*stucks); i++) {
		const struct stuck *stuck = &stucks[i];
		struct story s = story_new("write-*");
		struct event sleep;

		print_message("  %s\n", stuck->name);
		ask_and_write(&s, stuck);
		sleep = story_event(&s, EV_ENTER, stuck->polls ? CALL_poll : CALL_epoll_wait,
				    stuck->polls ? -1 : STORY_EPOLL, 0);
		sleep.arg[1] = stuck->timeout ? stuck->timeout : STORY_FOREVER;
		story_tell(&s, sleep);
		story_peer_args(&s, 3, PEER_RECV, 4096, 4096, 0, 0);
		if (stuck->ended)
			story_peer(&s, 3, PEER_FIN);
		story_later(&s, stuck->slept * 1000);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_SOCKET, 9, 0, stuck->full ? 100000 : 0, stuck->full ? 0 : EPOLLOUT, 1);
		tell_interest(&s, stuck->fdinfo);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
		/* The run closes what peers are left before it asks again. */
		if (!stuck->ended)
			story_peer(&s, 3, PEER_FIN);
		story_mark(&s, MARK_RECOVERY);
		if (stuck->broken)
			assert_int_equal(assert_broken(&s, "write-not-armed")->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* What follows a write that did not take everything, up to the end of the peer's patience. */
struct loss {
	const char *name;
	bool broken;
	int64_t wrote;
	uint64_t announced;
	bool rest, wrong, stalled, resumed, half, injected, dies, stopping;
};

static const struct loss losses[] = {
    {.name = "closed after a short write", .broken = true, .wrote = 4096, .announced = WHOLE},
    {.name = "closed after EAGAIN", .broken = true, .wrote = -EAGAIN, .announced = WHOLE},
    {.name = "other bytes follow", .broken = true, .wrote = 4096, .wrong = true},
    {.name = "other bytes follow, once the peer reads again",
     .broken = true,
     .wrote = 4096,
     .wrong = true,
     .stalled = true,
     .resumed = true},
    {.name = "the rest follows", .wrote = 4096, .announced = WHOLE, .rest = true},
    {.name = "wrong, but written whole", .wrote = WHOLE, .wrong = true},
    {.name = "nothing announced", .wrote = 4096},
    {.name = "all that was announced came", .wrote = 4096, .announced = 4096},
    {.name = "the peer does not read", .wrote = 4096, .announced = WHOLE, .stalled = true},
    {.name = "the peer has just begun to read",
     .wrote = 4096,
     .announced = WHOLE,
     .stalled = true,
     .resumed = true},
    {.name = "the peer shut down writing", .wrote = 4096, .announced = WHOLE, .half = true},
    {.name = "we made a read fail", .wrote = 4096, .announced = WHOLE, .injected = true},
    {.name = "the target died", .wrote = 4096, .announced = WHOLE, .dies = true},
    {.name = "asked to stop", .wrote = 4096, .announced = WHOLE, .stopping = true},
};

static void lose(struct story *s, const struct loss *loss)
{
	if (loss->stalled)
		story_peer_args(s, 3, PEER_STALL, 0, 1, 0, 0);
	if (loss->resumed)
		story_peer_args(s, 3, PEER_STALL, 0, 0, 0, 0);
	if (loss->half)
		story_peer(s, 3, PEER_HALF_CLOSE);
	story_peer_args(s, 3, PEER_REQUEST, 0, 1, 0, 0);
	story_read(s, 9, 30);
	story_write(s, 9, loss->wrote, WHOLE);
	if (loss->rest)
		story_write(s, 9, WHOLE - 4096, WHOLE - 4096);
	if (loss->injected)
		story_injected(s, CALL_read, 9, -ECONNRESET);
	if (loss->stopping)
		story_mark(s, MARK_STOP);
	if (loss->wrong) {
		story_peer_args(s, 3, PEER_RECV, WHOLE, WHOLE, 0, 0);
		story_peer(s, 3, PEER_WRONG);
	} else {
		story_peer_args(s, 3, PEER_CUT, 0, 4096, loss->announced, 0);
	}
	if (loss->dies)
		story_exit(s, 1 << 8);
	else if (!loss->wrong)
		story_close(s, 9);
}

static void test_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		struct story s = story_new("write-*");

		print_message("  %s\n", losses[i].name);
		story_mark(&s, MARK_FAULT);
		story_conn(&s, 3, 9, EPOLLIN);
		lose(&s, &losses[i]);
		if (losses[i].broken)
			assert_int_equal(assert_broken(&s, "write-lost")->peer, 3);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* An answer that came right settles the short write before it. */
static void test_settled(void **state)
{
	struct story s = story_new("write-*");

	(void)state;
	story_conn(&s, 3, 9, EPOLLIN);
	story_peer_args(&s, 3, PEER_REQUEST, 0, 1, 0, 0);
	story_write(&s, 9, 4096, WHOLE);
	story_write(&s, 9, WHOLE - 4096, WHOLE - 4096);
	story_peer_args(&s, 3, PEER_ANSWER, 0, 1, WHOLE, 0);
	story_peer_args(&s, 3, PEER_REQUEST, 0, 2, 0, 0);
	story_write(&s, 9, 100, 100);
	story_peer_args(&s, 3, PEER_RECV, WHOLE + 100, WHOLE + 100, 0, 0);
	story_peer(&s, 3, PEER_WRONG);
	assert_clean(&s);
	story_free(&s);
}

/* Many answers in one socket: those before the gap arrive right, long after the write that lost bytes. */
static void test_pipelined(void **state)
{
	struct story s = story_new("write-*");
	const struct finding *finding;
	uint64_t lost;

	(void)state;
	story_conn(&s, 3, 9, EPOLLIN);
	story_peer_args(&s, 3, PEER_STALL, 0, 1, 0, 0);
	for (uint64_t i = 1; i <= 3; i++)
		story_peer_args(&s, 3, PEER_REQUEST, 0, i, 0, 0);
	story_write(&s, 9, 100, 100);
	lost = s.now;
	story_write(&s, 9, 50, 100);
	story_write(&s, 9, -EAGAIN, 100);
	story_peer_args(&s, 3, PEER_STALL, 0, 0, 0, 0);
	story_peer_args(&s, 3, PEER_RECV, 100, 100, 0, 0);
	story_peer_args(&s, 3, PEER_ANSWER, 0, 1, 100, 0);
	story_write(&s, 9, 100, 100);
	story_peer_args(&s, 3, PEER_RECV, 150, 250, 0, 0);
	story_peer(&s, 3, PEER_WRONG);
	finding = assert_broken(&s, "write-lost");
	assert_int_equal(finding->from, lost);
	assert_non_null(strstr(finding->message, "took 50 of 100 bytes"));
	story_free(&s);
}

struct hole {
	const char *name;
	bool broken, whole, answered, sending, stalls;
	/* direct descriptors only */
	bool reused, unacknowledged, unknown_slot, lost, closed;
};

static const struct hole holes[] = {
    {.name = "the rest was forgotten", .broken = true},
    {.name = "nothing was short", .whole = true},
    {.name = "the answer came all the same", .answered = true},
    {.name = "the rest is under way", .sending = true},
    {.name = "the peer does not read", .stalls = true},
};

/* A send through a ring is short, others follow, and then nothing: the answer is not whole. */
static void test_holes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(holes) / sizeof(*holes); i++) {
		const struct hole *hole = &holes[i];
		struct ring_entry first = story_request(OP_SEND, 1), second = story_request(OP_SEND, 2);
		struct event event;
		struct story s = story_new("uring-short-send,write-*");

		print_message("  %s\n", hole->name);
		first.length = second.length = 1000;
		story_mark(&s, MARK_FAULT);
		story_conn(&s, 3, 9, 0);
		story_peer_args(&s, 3, PEER_REQUEST, 0, 1, 0, 0);
		story_submit(&s, 9, &first);
		story_complete(&s, 9, first, hole->whole ? 1000 : 400, 0);
		story_submit(&s, 9, &second);
		if (!hole->sending)
			story_complete(&s, 9, second, 1000, 0);
		if (hole->answered)
			story_peer_args(&s, 3, PEER_ANSWER, 0, 1, 2000, 0);
		if (hole->stalls)
			story_peer_args(&s, 3, PEER_STALL, 0, 1, 0, 0);
		event = story_event(&s, EV_ENTER, CALL_io_uring_enter, STORY_RING, 0);
		event.arg[1] = STORY_FOREVER;
		story_tell(&s, event);
		story_later(&s, 4000000);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_io_uring_enter, 0, 0);
		story_probe(&s, PROBE_SOCKET, 9, 0, 0, EPOLLOUT, 1);
		story_mark(&s, MARK_RECOVERY);
		if (hole->broken)
			(void)assert_broken(&s, "uring-short-send");
		else
			assert_clean(&s);
		story_free(&s);
	}
}

static const struct hole slots[] = {
    {.name = "the rest was forgotten", .broken = true},
    {.name = "and the connection closed", .broken = true, .closed = true},
    {.name = "the slot had another connection before", .broken = true, .reused = true},
    {.name = "nothing was short", .whole = true},
    {.name = "the answer came all the same", .answered = true},
    {.name = "the rest is under way", .sending = true},
    {.name = "the peer does not read", .stalls = true},
    {.name = "not all has arrived", .unacknowledged = true},
    {.name = "it was another connection's, in the same slot", .whole = true, .reused = true},
    {.name = "something is in a slot we did not see filled", .broken = true, .unknown_slot = true},
    {.name = "entries were lost", .broken = true, .lost = true},
};

#define SLOT 4

/* c3's connection goes into the slot, and c2's before it if need be. */
static void accept_into_slot(struct story *s, int32_t peer, uint64_t request)
{
	struct ring_entry entry = story_request(OP_ACCEPT, request);
	struct sockaddr_in address = story_address(story_port(peer));

	entry.index = INT32_MAX; /* any */
	story_peer_args(s, peer, PEER_CONNECT, 0, story_port(peer), 0, 0);
	story_peer(s, peer, PEER_CONNECTED);
	story_submit(s, STORY_LISTENER, &entry);
	story_entry(s, RING_COMPLETE, STORY_LISTENER, SLOT, &entry, &address, sizeof(address));
}

static void send_in_slot(struct story *s, uint64_t request, int64_t sent)
{
	struct ring_entry entry = story_request(OP_SEND, request);

	entry.length = 1000;
	entry.index = SLOT;
	story_submit(s, -1, &entry);
	if (sent)
		story_complete(s, -1, entry, sent, 0);
}

static void close_slot(struct story *s, uint64_t request)
{
	struct ring_entry entry = story_request(OP_CLOSE, request);

	entry.index = SLOT;
	story_submit(s, -1, &entry);
	story_complete(s, -1, entry, 0, 0);
}

static void hide(struct story *s, const struct hole *hole)
{
	struct event event = story_event(s, EV_RING, RING_UNSEEN, STORY_RING, 0);
	struct ring_entry entry = story_request(OP_RECV, 90);

	event.arg[0] = RING_GAP_DIRECT; /* as the watcher says of each ring that has them */
	story_tell(s, event);
	entry.index = SLOT + 1;
	if (hole->unknown_slot)
		story_submit(s, -1, &entry);
	if (hole->lost)
		story_tell(s, story_event(s, EV_RING, RING_LOST, STORY_RING, 3));
}

/* The same on a direct descriptor, which nobody can ask. */
static void test_slots(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
		const struct hole *hole = &slots[i];
		struct event event;
		struct story s = story_new("uring-short-send,write-*");

		print_message("  %s\n", hole->name);
		story_mark(&s, MARK_FAULT);
		hide(&s, hole);
		if (hole->reused) {
			accept_into_slot(&s, 2, 1);
			send_in_slot(&s, 2, 400);
			story_peer(&s, 2, PEER_RST);
			close_slot(&s, 3);
		}
		accept_into_slot(&s, 3, 4);
		story_peer_args(&s, 3, PEER_REQUEST, 0, 1, 0, 0);
		send_in_slot(&s, 5, hole->whole ? 1000 : 400);
		send_in_slot(&s, 6, hole->sending ? 0 : 1000);
		story_peer_args(&s, 3, PEER_RECV, 1000, 1000, 0, 0);
		if (!hole->unacknowledged)
			story_peer_args(&s, 3, PEER_RECV, 1000, 2000, 0, 0);
		if (hole->answered)
			story_peer_args(&s, 3, PEER_ANSWER, 0, 1, 2000, 0);
		if (hole->stalls)
			story_peer_args(&s, 3, PEER_STALL, 0, 1, 0, 0);
		if (hole->closed) {
			send_in_slot(&s, 7, 300);
			story_peer_args(&s, 3, PEER_CUT, 0, 1400, 2000, 0);
			close_slot(&s, 8);
		}
		event = story_event(&s, EV_ENTER, CALL_io_uring_enter, STORY_RING, 0);
		event.arg[1] = STORY_FOREVER;
		story_tell(&s, event);
		story_later(&s, 4000000);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_io_uring_enter, 0, 0);
		story_mark(&s, MARK_RECOVERY);
		if (hole->broken) {
			const struct finding *finding = assert_broken(&s, "uring-short-send");

			assert_int_equal(finding->peer, 3);
			assert_int_equal(finding->severity,
					 hole->unknown_slot || hole->lost ? SEVERITY_INFO : SEVERITY_ERROR);
		} else {
			assert_clean(&s);
		}
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_not_armed), cmocka_unit_test(test_lost),  cmocka_unit_test(test_settled),
	    cmocka_unit_test(test_pipelined), cmocka_unit_test(test_holes), cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
