/* SPDX-License-Identifier: MIT */
/*
 * loop-blocked. One story in variants: the canary asks, the loop has gone into another call, and after a
 * second the threads are looked at.
 *
 *     loop   epoll_wait ── accept canary ── read(9) … (blocked) ……………… [comes back]
 *     canary                 request ………………………………… 1 s …………
 *     probe                                              thread S in read(9)
 */
#include "story.h"

struct block {
	const char *name;
	bool broken;
	enum call call; /* the thread is found in */
	int32_t fd;
	const char *other; /* a call without a number of ours */
	char letter;	   /* 0: 'S' */
	uint64_t waited;   /* ms the canary has waited by then; 0: 1000 */
	bool polls;	   /* it is in poll, as the trace knows */
	bool in_wait;	   /* it is in its epoll_wait */
	bool worker;	   /* another thread is found so; the loop waits */
	bool second;	   /* a second thread waits on the same epoll */
	uint64_t held;	   /* ms: a fault holds it back that long */
	bool frozen, answered, foreign_epoll, late;
};

static const struct block blocks[] = {
    {.name = "a read that blocks", .broken = true, .call = CALL_recvfrom, .fd = 9},
    {.name = "a sleep", .broken = true, .call = CALL_clock_nanosleep, .fd = -1},
    {.name = "a lock", .broken = true, .other = "futex", .fd = -1},
    {.name = "a disk", .broken = true, .other = "fsync", .fd = -1, .letter = 'D'},
    {.name = "poll on the side", .broken = true, .polls = true, .call = CALL_poll, .fd = -1},
    {.name = "it computes", .call = CALL_unknown, .fd = -1, .letter = 'R'},
    {.name = "it waits as it should", .in_wait = true, .call = CALL_epoll_wait, .fd = STORY_EPOLL},
    {.name = "a worker blocks", .worker = true, .call = CALL_recvfrom, .fd = 9},
    {.name = "a second thread waits there", .second = true, .call = CALL_recvfrom, .fd = 9},
    {.name = "the canary has not waited long", .call = CALL_recvfrom, .fd = 9, .waited = 300},
    {.name = "the canary was answered", .answered = true, .call = CALL_recvfrom, .fd = 9},
    {.name = "the canary sits in another epoll", .foreign_epoll = true, .call = CALL_recvfrom, .fd = 9},
    {.name = "it has only just begun", .late = true, .call = CALL_recvfrom, .fd = 9},
    {.name = "held back by a fault", .held = 1500, .call = CALL_clock_nanosleep, .fd = -1},
    {.name = "held back until long ago", .broken = true, .held = 20, .call = CALL_recvfrom, .fd = 9},
    {.name = "stopped by us", .frozen = true, .call = CALL_recvfrom, .fd = 9},
};

static void probe(struct story *s, const struct block *block)
{
	struct event event = story_event(s, EV_PROBE, PROBE_THREAD, block->fd, 0);

	if (block->worker)
		event.tid = STORY_PID + 1;
	event.arg[0] = (uint64_t)(block->letter ? block->letter : 'S');
	event.arg[1] = block->call;
	event.data = block->other;
	event.size = block->other ? (uint32_t)strlen(block->other) + 1 : 0;
	story_tell(s, event);
}

static void second_thread(struct story *s)
{
	story_fork(s, STORY_PID + 1, 0x00010f00 /* a thread */);
	s->tid = STORY_PID + 1;
	story_sleep(s, STORY_FOREVER);
	s->tid = STORY_PID;
}

static void act(struct story *s, const struct block *block)
{
	story_conn(s, 3, 9, EPOLLIN);
	story_canary(s, 50, PEER_CONNECT, 0, 0);
	story_canary(s, 50, PEER_CONNECTED, 0, 0);
	story_wait(s, STORY_LISTENER, EPOLLIN);
	story_accept(s, STORY_LISTENER, 10, story_port(50));
	if (block->foreign_epoll) {
		story_epoll(s, 6);
		s->epfd = 6;
	}
	story_add(s, 10, EPOLLIN);
	s->epfd = STORY_EPOLL;
	if (block->second || block->worker)
		second_thread(s);
	story_wait(s, 9, EPOLLIN);
	story_canary(s, 50, PEER_REQUEST, 1, 0);
	if (block->answered)
		story_canary(s, 50, PEER_ANSWER, 1, 1000);
	if (block->in_wait || block->worker)
		story_sleep(s, STORY_FOREVER);
	if (block->polls)
		story_tell(s, story_event(s, EV_ENTER, CALL_poll, -1, 0));
}

static void test_blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		const struct block *block = &blocks[i];
		struct story s = story_new("loop-blocked");

		print_message("  %s\n", block->name);
		story_mark(&s, MARK_FAULT);
		act(&s, block);
		if (block->frozen)
			story_tell(&s, story_event(&s, EV_FAULT, FAULT_SIGNAL, -1, 19 /* SIGSTOP */));
		if (block->held) {
			struct event fault = story_event(&s, EV_FAULT, FAULT_DELIVERED, 9, 0);

			fault.arg[1] = block->held * 1000000;
			story_tell(&s, fault);
		}
		story_later(&s, (block->waited ? block->waited : 1000) * 1000);
		if (block->late)
			story_read(&s, 9, 10);
		probe(&s, block);
		story_later(&s, 500000);
		story_read(&s, 9, 10);
		if (block->broken)
			assert_int_equal(assert_broken(&s, "loop-blocked")->tid, STORY_PID);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* A client that is not accepted waits for whoever holds the listener. */
static void test_unaccepted(void **state)
{
	struct story s = story_new("loop-blocked");

	(void)state;
	story_mark(&s, MARK_FAULT);
	story_conn(&s, 3, 9, EPOLLIN);
	story_wait(&s, 9, EPOLLIN);
	story_canary(&s, 50, PEER_CONNECT, 0, 0);
	story_canary(&s, 50, PEER_CONNECTED, 0, 0);
	story_canary(&s, 50, PEER_REQUEST, 1, 0);
	story_later(&s, 1000000);
	probe(&s, &blocks[0]);
	assert_non_null(strstr(assert_broken(&s, "loop-blocked")->message, "fd 9 (peer c3)"));
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_unaccepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
