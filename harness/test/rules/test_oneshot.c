/* SPDX-License-Identifier: MIT */
/*
 * oneshot-lost. One story in variants: each row changes one thing about a target that does not arm a one-shot
 * registration again.
 *
 *     c3 sends ── IN (one-shot) ── read = 100 ── [write] ── [MOD] ── epoll_wait …… QUIET: what waits?
 */
#include <netinet/tcp.h>
#include "story.h"

struct shot {
	const char *name;
	bool broken;
	bool armed;    /* MOD after the work */
	int64_t wrote; /* result of a write of 1000 bytes; 0: none */
	uint64_t waiting, unacked, state;
	uint64_t slept;	  /* ms until QUIET; 0: 400 */
	enum call worker; /* a second thread sleeps in this call; CALL_COUNT: there is none */
	bool bent, reset, other_set, running, fdinfo;
};

#define MASK   (EPOLLIN | EPOLLONESHOT)
#define NOBODY CALL_COUNT

static const struct shot shots[] = {
    {.name = "bytes wait", .broken = true, .waiting = 40, .worker = NOBODY},
    {.name = "its end waits", .broken = true, .state = TCP_CLOSE_WAIT, .worker = NOBODY},
    {.name = "room for the rest", .broken = true, .wrote = 400, .worker = NOBODY},
    {.name = "an idle worker beside", .broken = true, .waiting = 40, .slept = 1200, .worker = CALL_unknown},
    {.name = "a worker, too early", .waiting = 40, .slept = 700, .worker = CALL_unknown},
    {.name = "a worker in its handler", .waiting = 40, .slept = 5000, .worker = CALL_clock_nanosleep},
    {.name = "armed again", .armed = true, .waiting = 40, .worker = NOBODY},
    {.name = "armed in a way we did not see", .fdinfo = true, .waiting = 40, .worker = NOBODY},
    {.name = "watched by a second epoll", .other_set = true, .waiting = 40, .worker = NOBODY},
    {.name = "nothing waits", .worker = NOBODY},
    {.name = "just arrived", .waiting = 40, .slept = 100, .worker = NOBODY},
    {.name = "back-pressure", .waiting = 40, .unacked = 70000, .worker = NOBODY},
    {.name = "we cut the read", .waiting = 40, .bent = true, .worker = NOBODY},
    {.name = "the peer reset", .waiting = 40, .reset = true, .worker = NOBODY},
    {.name = "the thread runs", .waiting = 40, .running = true, .worker = NOBODY},
};

static void act(struct story *s, const struct shot *shot)
{
	struct event read;

	story_conn(s, 3, 9, MASK);
	if (shot->other_set) {
		story_epoll(s, 6);
		s->epfd = 6;
		story_add(s, 9, EPOLLIN);
		s->epfd = STORY_EPOLL;
	}
	story_peer_args(s, 3, PEER_SEND, 100, 100, 0, 0);
	story_wait(s, 9, EPOLLIN);
	read = story_event(s, EV_CALL, CALL_read, 9, 100);
	read.arg[0] = 4096;
	read.flags = shot->bent ? EVF_SHORTENED : 0;
	story_tell(s, read);
	if (shot->wrote)
		story_write(s, 9, shot->wrote, 1000);
	if (shot->armed)
		story_mod(s, 9, MASK);
	if (shot->reset)
		story_peer(s, 3, PEER_RST);
	story_sleep(s, STORY_FOREVER);
}

static void probe(struct story *s, const struct shot *shot)
{
	const struct ready ready = {.fd = 9, .events = EPOLLIN};
	struct event epoll = story_event(s, EV_PROBE, PROBE_EPOLL, STORY_EPOLL, 0);

	story_probe(s, PROBE_SOCKET, 9, shot->waiting, shot->unacked, EPOLLOUT,
		    shot->state ? shot->state : TCP_ESTABLISHED);
	epoll.data = &ready;
	epoll.size = sizeof(ready);
	if (shot->fdinfo)
		story_tell(s, epoll);
	story_probe(s, PROBE_THREAD, -1, shot->running ? 'R' : 'S', CALL_epoll_wait, 0, 0);
	if (shot->worker == NOBODY)
		return;
	s->tid = STORY_PID + 1;
	story_probe(s, PROBE_THREAD, -1, 'S', shot->worker, 0, 0);
	s->tid = STORY_PID;
}

static void test_shots(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shots) / sizeof(*shots); i++) {
		const struct shot *shot = &shots[i];
		struct story s = story_new("oneshot-lost");

		print_message("  %s\n", shot->name);
		story_mark(&s, MARK_FAULT);
		if (shot->worker != NOBODY)
			story_fork(&s, STORY_PID + 1, 0x00010f00 /* a thread */);
		act(&s, shot);
		story_mark(&s, MARK_SETTLE);
		story_later(&s, (shot->slept ? shot->slept : 400) * 1000);
		story_mark(&s, MARK_QUIET);
		probe(&s, shot);
		story_mark(&s, MARK_RECOVERY);
		if (shot->broken)
			assert_int_equal(assert_broken(&s, "oneshot-lost")->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* A listener in one-shot: one accept, not armed again, the second connection waits. */
static void listening(int64_t last, unsigned crowd, bool broken)
{
	struct story s = story_new("oneshot-lost");

	story_mark(&s, MARK_FAULT);
	story_mod(&s, STORY_LISTENER, EPOLLIN | EPOLLONESHOT);
	for (unsigned i = 0; i < crowd; i++)
		story_conn(&s, 10 + (int32_t)i, 20 + (int32_t)i, EPOLLIN);
	story_wait(&s, STORY_LISTENER, EPOLLIN);
	story_accept(&s, STORY_LISTENER, 9, story_port(3));
	if (last < 0)
		story_accept(&s, STORY_LISTENER, last, 0);
	story_sleep(&s, STORY_FOREVER);
	for (int i = 0; i < 2; i++) { /* two rounds that find the same connection waiting */
		story_later(&s, 600000);
		story_mark(&s, i ? MARK_QUIET : MARK_SETTLE);
		story_probe(&s, PROBE_LISTENER, STORY_LISTENER, 1, 128, EPOLLIN, 0);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
	}
	story_mark(&s, MARK_RECOVERY);
	if (broken)
		(void)assert_broken(&s, "oneshot-lost");
	else
		assert_clean(&s);
	story_free(&s);
}

static void test_listener(void **state)
{
	(void)state;
	listening(1, 0, true);
	listening(-EMFILE, 0, false);
	listening(1, 9, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shots),
	    cmocka_unit_test(test_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
