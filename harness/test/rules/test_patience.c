/* SPDX-License-Identifier: MIT */
/*
 * slow-header and vanished-peer: how the target goes to sleep beside half a request, or beside a peer that is
 * gone.
 *
 *     c3 sends 5 ── IN ── read = 5 ── epoll_wait(-1) …… sends 1 ── IN ── read = 1 ── epoll_wait(-1) ……
 */
#include <netinet/tcp.h>
#include "story.h"

#define FD 9

enum also { NOTHING, TIMERFD, ALARM, RING, WORKER, ANSWERED, WHOLE, CHILD };

struct slow {
	const char *name;
	bool broken;
	uint64_t timeout;
	enum also also;
	unsigned bytes; /* sent one by one */
	const char *protocol;
};

static const struct slow slows[] = {
    {"sleeps for ever", true, STORY_FOREVER, NOTHING, 5, "http"},
    {"a time-out", false, 10 * NS_PER_S, NOTHING, 5, "http"},
    {"a timerfd", false, STORY_FOREVER, TIMERFD, 5, "http"},
    {"an alarm", false, STORY_FOREVER, ALARM, 5, "http"},
    {"a ring", false, STORY_FOREVER, RING, 5, "http"},
    {"a thread that is not seen", false, STORY_FOREVER, WORKER, 5, "http"},
    {"another process has a timer", true, STORY_FOREVER, CHILD, 5, "http"},
    {"it has answered already", false, STORY_FOREVER, ANSWERED, 5, "http"},
    {"the request is whole", false, STORY_FOREVER, WHOLE, 5, "http"},
    {"two bytes", false, STORY_FOREVER, NOTHING, 2, "http"},
    {"echo has no heads", false, STORY_FOREVER, NOTHING, 5, "echo"},
};

static void add_also(struct story *s, enum also also)
{
	if (also == TIMERFD)
		story_call(s, CALL_timerfd_create, -1, 20);
	if (also == ALARM)
		story_call(s, CALL_alarm, -1, 0);
	if (also == RING)
		story_call(s, CALL_io_uring_setup, -1, 20);
	if (also == WORKER)
		story_fork(s, 101, 0x10000 | 0x400 | 0x100); /* CLONE_THREAD, CLONE_FILES, CLONE_VM */
	if (also == CHILD) {
		story_fork(s, 300, 0);
		story_as(s, 300, 300);
		story_sleep(s, NS_PER_S);
		story_as(s, STORY_PID, STORY_PID);
	}
}

static struct story begin(const char *rule, const char *protocol)
{
	struct story s = story_judged(rule, 1);
	char meta[32];

	(void)snprintf(meta, sizeof(meta), "protocol=%s", protocol);
	story_meta(&s, meta);
	story_ready(&s);
	story_mark(&s, MARK_FAULT);
	return s;
}

static void test_slow(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(slows) / sizeof(*slows); n++) {
		const struct slow *slow = &slows[n];
		struct story s = begin("slow-header", slow->protocol);
		const struct ready ready = {.data = FD, .events = EPOLLIN, .fd = -1};

		print_message("   %s\n", slow->name);
		add_also(&s, slow->also);
		story_conn(&s, 3, FD, EPOLLIN);
		for (unsigned i = 0; i < slow->bytes; i++) {
			story_peer_args(&s, 3, PEER_SEND, 1, i + 1, 0, 0);
			if (slow->also == WHOLE && i == 0)
				story_peer_args(&s, 3, PEER_REQUEST, 0, 1, 0, 0);
			if (i)
				story_wake(&s, slow->timeout, &ready, 1);
			story_read(&s, FD, 1);
			if (slow->also == ANSWERED)
				story_write(&s, FD, 10, 10);
			story_sleep(&s, slow->timeout);
			story_later(&s, 10000);
		}
		if (slow->broken)
			assert_int_equal(assert_broken(&s, "slow-header")->severity, SEVERITY_WARNING);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

struct gone {
	const char *name;
	bool broken;
	uint64_t timeout;
	enum also also;
	int guarded; /* what the socket says of keep-alive */
	uint64_t unacked;
	bool vanished, closed;
};

static const struct gone gones[] = {
    {"kept for ever", true, STORY_FOREVER, NOTHING, 0, 0, true, false},
    {"keep-alive", false, STORY_FOREVER, NOTHING, 1, 0, true, false},
    {"a time-out", false, 60 * NS_PER_S, NOTHING, 0, 0, true, false},
    {"a timerfd", false, STORY_FOREVER, TIMERFD, 0, 0, true, false},
    {"a ring", false, STORY_FOREVER, RING, 0, 0, true, false},
    {"TCP will give up", false, STORY_FOREVER, NOTHING, 0, 100, true, false},
    {"it is there, and silent", false, STORY_FOREVER, NOTHING, 0, 0, false, false},
    {"closed in time", false, STORY_FOREVER, NOTHING, 0, 0, true, true},
};

static void probe(struct story *s, const struct gone *gone)
{
	struct event event = story_event(s, EV_PROBE, PROBE_SOCKET, FD, gone->guarded);

	event.arg[1] = gone->unacked;
	event.arg[2] = EPOLLOUT;
	event.arg[3] = TCP_ESTABLISHED;
	story_tell(s, event);
	story_probe(s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
}

static void test_vanished(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(gones) / sizeof(*gones); n++) {
		const struct gone *gone = &gones[n];
		struct story s = begin("vanished-peer", "echo");

		print_message("   %s\n", gone->name);
		add_also(&s, gone->also);
		story_conn(&s, 3, FD, EPOLLIN);
		if (gone->vanished)
			story_peer(&s, 3, PEER_VANISH);
		if (gone->closed)
			story_close(&s, FD);
		story_sleep(&s, gone->timeout);
		story_later(&s, 300000);
		story_mark(&s, MARK_QUIET);
		if (!gone->closed)
			probe(&s, gone);
		story_mark(&s, MARK_RECOVERY);
		if (gone->broken)
			(void)assert_broken(&s, "vanished-peer");
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_slow),
	    cmocka_unit_test(test_vanished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
