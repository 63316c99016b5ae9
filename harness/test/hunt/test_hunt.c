/* SPDX-License-Identifier: MIT */
/* What a try showed, as counters: the same story the same ones, another story others, the healthy peer none.
 * And which tries are suspected of what was found. */
#include "../check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "hunt/feedback.h"
#include "hunt/suspects.h"

enum { PID = 100, LISTENER = 3, EPOLL = 5, CONN = 9, PORT = 40001, PEER = 1, COUNTERS = 4096 };

/* A story that is told to the world and to a feedback. */
struct telling {
	struct world *world;
	struct feedback feedback;
	uint8_t counters[COUNTERS];
	uint64_t at;
	bool canary;
};

static void tell(struct telling *telling, struct event event)
{
	event.at = ++telling->at * NS_PER_MS;
	if (event.kind != EV_PEER)
		event.pid = event.tid = PID;
	else if (telling->canary)
		event.flags |= EVF_CANARY;
	assert_int_equal(world_apply(telling->world, &event), 0);
	feedback_event(&telling->feedback, telling->world, &event);
}

static void call(struct telling *telling, enum call what, int32_t fd, int64_t ret)
{
	struct event event = event_make(EV_CALL, what);

	event.fd = fd;
	event.ret = ret;
	if (what == CALL_read)
		event.arg[0] = 100;
	tell(telling, event);
}

static void peer(struct telling *telling, enum peer_act what)
{
	struct event event = event_make(EV_PEER, what);

	event.peer = PEER;
	if (what == PEER_CONNECT) {
		event.arg[0] = PORT;
		event.data = "c1";
		event.size = 3;
	}
	tell(telling, event);
}

static void wait_for(struct telling *telling, uint32_t events)
{
	struct ready ready = {.data = CONN, .events = events, .fd = -1};
	struct event event = event_make(EV_CALL, CALL_epoll_wait);

	event.fd = EPOLL;
	event.ret = 1;
	event.data = &ready;
	event.size = sizeof ready;
	tell(telling, event);
}

/* A peer connects and is accepted. */
static void begin(struct telling *telling, bool canary)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct event start = event_make(EV_PROC, PROC_START), accept = event_make(EV_CALL, CALL_accept4),
		     add = event_make(EV_CALL, CALL_epoll_ctl);

	memset(telling, 0, sizeof *telling);
	telling->canary = canary;
	telling->world = world_new();
	assert_non_null(telling->world);
	feedback_begin(&telling->feedback, telling->counters, COUNTERS);
	tell(telling, start);
	call(telling, CALL_epoll_create1, -1, EPOLL);
	peer(telling, PEER_CONNECT);
	accept.fd = LISTENER;
	accept.ret = CONN;
	accept.data = &address;
	accept.size = sizeof address;
	tell(telling, accept);
	add.fd = CONN;
	add.arg[0] = EPOLL;
	add.arg[1] = EPOLL_CTL_ADD;
	add.arg[2] = EPOLLIN;
	add.arg[3] = CONN;
	tell(telling, add);
	memset(telling->counters, 0, COUNTERS);
}

static void end(struct telling *telling)
{
	feedback_release(&telling->feedback);
	world_free(telling->world);
}

static void reset_is_read(struct telling *telling, int64_t result)
{
	peer(telling, PEER_RST);
	wait_for(telling, EPOLLIN | EPOLLERR | EPOLLHUP);
	call(telling, CALL_read, CONN, result);
	call(telling, CALL_close, CONN, 0);
}

static void test_same_story_same_counters(void **state)
{
	static struct telling one, two, other;

	(void)state;
	begin(&one, false);
	begin(&two, false);
	begin(&other, false);
	reset_is_read(&one, -ECONNRESET);
	reset_is_read(&two, -ECONNRESET);
	reset_is_read(&other, 0); /* the end instead of the error: another answer */
	assert_memory_equal(one.counters, two.counters, COUNTERS);
	assert_memory_not_equal(one.counters, other.counters, COUNTERS);
	end(&one);
	end(&two);
	end(&other);
}

static unsigned counted(const struct telling *telling)
{
	unsigned count = 0;

	for (size_t i = 0; i < COUNTERS; i++)
		count += telling->counters[i] != 0;
	return count;
}

static void test_canary_does_not_count(void **state)
{
	static struct telling canary;

	(void)state;
	begin(&canary, true);
	reset_is_read(&canary, -ECONNRESET);
	assert_int_equal(counted(&canary), 0);
	end(&canary);
}

/* Each doubling of reports without a call on the fd is something new: the way to a spin is rewarded. */
static void test_way_to_a_spin(void **state)
{
	static struct telling few, many, answered;

	(void)state;
	begin(&few, false);
	begin(&many, false);
	begin(&answered, false);
	for (int i = 0; i < 3; i++)
		wait_for(&few, EPOLLIN);
	for (int i = 0; i < 100; i++)
		wait_for(&many, EPOLLIN);
	for (int i = 0; i < 100; i++) {
		wait_for(&answered, EPOLLIN);
		call(&answered, CALL_read, CONN, 1);
	}
	assert_true(counted(&many) >= counted(&few) + 5);
	assert_true(counted(&answered) < counted(&many));
	end(&few);
	end(&many);
	end(&answered);
}

static void healthy_peer(struct telling *telling, enum peer_act what)
{
	struct event event = event_make(EV_PEER, what);

	event.peer = PEER + 1;
	telling->canary = true;
	tell(telling, event);
	telling->canary = false;
}

/* The healthy peer asks, others are served meanwhile, and it is answered. */
static unsigned keep_waiting(struct telling *telling, int reads)
{
	unsigned before;

	begin(telling, false);
	for (int i = 0; i < reads; i++)
		call(telling, CALL_read, CONN, 16384);
	before = counted(telling);
	healthy_peer(telling, PEER_REQUEST);
	for (int i = 0; i < reads; i++)
		call(telling, CALL_read, CONN, 16384);
	healthy_peer(telling, PEER_ANSWER);
	healthy_peer(telling, PEER_ANSWER);
	return counted(telling) - before;
}

/* Each doubling of what others were given meanwhile is something new; a little of it is not. */
static void test_way_to_starving(void **state)
{
	static struct telling little, much, more;

	(void)state;
	assert_int_equal(keep_waiting(&little, 3), 0);
	assert_int_equal(keep_waiting(&much, 8), 1);
	assert_int_equal(keep_waiting(&more, 16), 1);
	assert_memory_not_equal(much.counters, more.counters, COUNTERS);
	end(&little);
	end(&much);
	end(&more);
}

static void test_suspects(void **state)
{
	static struct line_turn turn;
	uint32_t tries[SUSPECTS_MOST];
	uint8_t joined[SCHEDULE_MOST];

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		turn.tries[i] = (struct line_try){.number = 101 + i,
						  .at = i * 100,
						  .size = SCHEDULE_HEAD + MOVE_SIZE,
						  .bytes = {0, 0, MOVE_RST, (uint8_t)i}};
	turn.count = 10;
	assert_int_equal(suspect_number("103.2"), 103);
	assert_int_equal(suspect_number("c1"), 0);
	assert_int_equal(suspect_number("canary1"), 0);
	/* the peer's own, the one under way, the one before, the last ones */
	assert_int_equal(suspects_find(&turn, "103.2", 550, tries), SUSPECTS_MOST);
	assert_int_equal(tries[0], 2);
	assert_int_equal(tries[1], 5);
	assert_int_equal(tries[2], 4);
	assert_int_equal(tries[3], 9);
	assert_int_equal(suspects_find(&turn, "", UINT64_MAX, tries), SUSPECTS_MOST);
	assert_int_equal(tries[0], 9);
	turn.count = 0;
	assert_int_equal(suspects_find(&turn, "103.2", 5, tries), 0);
	turn.count = 10;
	assert_int_equal(suspects_join(&turn, 9, joined, sizeof joined), SCHEDULE_HEAD + 10 * MOVE_SIZE);
	assert_int_equal(schedule_read(joined, sizeof joined).moves[5 * MOVE_SIZE + 1], 5);
	/* what does not fit is the oldest */
	assert_int_equal(suspects_join(&turn, 9, joined, SCHEDULE_HEAD + 3 * MOVE_SIZE + 1),
			 SCHEDULE_HEAD + 3 * MOVE_SIZE);
	assert_int_equal(joined[SCHEDULE_HEAD + 1], 7);
}

/* Each peer is closed once, whatever it did. */
static void test_closed(void **state)
{
	static const struct line_try one = {
	    .size = SCHEDULE_HEAD + 3 * MOVE_SIZE,
	    .bytes = {0, 0, MOVE_CONNECT, 2, 0, 0, MOVE_STALL, 2, 0, 0, MOVE_REQUEST, 1, 0, 0}};
	uint8_t closed[SCHEDULE_MOST];
	size_t size = suspects_close(&one, closed, sizeof closed);
	struct schedule schedule = schedule_read(closed, size);

	(void)state;
	assert_int_equal(schedule.count, 5);
	assert_int_equal(schedule_move(&schedule, 2).what, MOVE_REQUEST);
	assert_int_equal(schedule_move(&schedule, 3).what, MOVE_CLOSE_UNREAD);
	assert_int_equal(schedule_move(&schedule, 3).peer, 2);
	assert_int_equal(schedule_move(&schedule, 4).peer, 1);
	assert_int_equal(suspects_close(&one, closed, one.size), one.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_story_same_counters),
	    cmocka_unit_test(test_canary_does_not_count),
	    cmocka_unit_test(test_way_to_a_spin),
	    cmocka_unit_test(test_way_to_starving),
	    cmocka_unit_test(test_suspects),
	    cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
