/* SPDX-License-Identifier: MIT */
/*
 * unserved and no-recovery.
 *
 *     BASE canary: answer ── FAULT canary: request ……… no answer ── QUIET ── RECOVERY canary: request, answer
 * ── STOP
 */
#include "story.h"
#include <signal.h>

#define CANARY 1

struct service {
	const char *name;
	const char *broken;
	enum peer_act act;
	uint64_t patience; /* 1: patience ended */
	uint64_t waited;   /* ms */
	uint64_t added;	   /* ms of it, because the machine was busy */
	void (*excuse)(struct story *s);
	bool new_base; /* never served before */
	bool unconnected, kept, recovery, died;
	bool after; /* the excuse comes when the request is under way */
};

static void limit_lowered(struct story *s)
{
	struct event event = story_event(s, EV_FAULT, FAULT_LIMIT, -1, 0);

	event.arg[0] = 12;
	story_tell(s, event);
}

static void limit_back_long_ago(struct story *s)
{
	struct event event = story_event(s, EV_FAULT, FAULT_LIMIT, -1, 0);

	limit_lowered(s);
	event.arg[0] = 1024;
	story_tell(s, event);
	story_later(s, 2500000);
}

static void limited_from_start(struct story *s)
{
	struct event event = story_event(s, EV_FAULT, FAULT_LIMIT, -1, 0);

	event.arg[0] = 32;
	event.arg[2] = 1;
	story_tell(s, event);
}

static void no_fds(struct story *s)
{
	story_accept(s, STORY_LISTENER, -EMFILE, 0);
}

static void frozen(struct story *s)
{
	story_fault(s, FAULT_SIGNAL, 0, SIGSTOP, NULL);
}

static void thawed(struct story *s)
{
	frozen(s);
	story_later(s, 1000000);
	story_fault(s, FAULT_SIGNAL, 0, SIGCONT, NULL);
}

static void terminated(struct story *s)
{
	story_fault(s, FAULT_SIGNAL, 0, SIGTERM, NULL);
}

static void accept_bent(struct story *s)
{
	story_injected(s, CALL_accept4, STORY_LISTENER, -ECONNABORTED);
}

static void wait_bent(struct story *s)
{
	story_injected(s, CALL_epoll_wait, STORY_EPOLL, -EINTR);
}

static void read_bent(struct story *s)
{
	story_injected(s, CALL_read, 8, -ECONNRESET);
}

static void edge_starved(struct story *s)
{
	struct event event = story_event(s, EV_CALL, CALL_read, 8, 1);

	story_add(s, 8, EPOLLIN | EPOLLET);
	event.arg[0] = 4096;
	event.flags = EVF_SHORTENED;
	story_tell(s, event);
}

static void stranger_bent(struct story *s)
{
	story_conn(s, 3, 9, EPOLLIN);
	story_injected(s, CALL_read, 9, -ECONNRESET);
}

#define UNSERVED "unserved"
#define NEVER	 "no-recovery"

static const struct service services[] = {
    {.name = "no answer", .broken = UNSERVED, .act = PEER_UNANSWERED, .patience = 1, .waited = 2000},
    {.name = "closed without answer", .broken = UNSERVED, .act = PEER_UNANSWERED, .waited = 5},
    {.name = "cut", .broken = UNSERVED, .act = PEER_CUT, .waited = 5},
    {.name = "wrong", .broken = UNSERVED, .act = PEER_WRONG, .waited = 5},
    {.name = "refused", .broken = UNSERVED, .act = PEER_REFUSED, .unconnected = true},
    {.name = "kept, at the limit",
     .broken = UNSERVED,
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .kept = true,
     .excuse = limit_lowered},
    {.name = "the limit was back long before",
     .broken = UNSERVED,
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .excuse = limit_back_long_ago},
    {.name = "EINTR is no excuse",
     .broken = UNSERVED,
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .excuse = wait_bent},
    {.name = "nor is another's error",
     .broken = UNSERVED,
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .excuse = stranger_bent},
    {.name = "waited longer on a busy machine",
     .broken = UNSERVED,
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 5000,
     .added = 3000},
    {.name = "wrong in spite of our error",
     .broken = UNSERVED,
     .act = PEER_WRONG,
     .waited = 5,
     .excuse = read_bent,
     .after = true},
    {.name = "after the fault",
     .broken = NEVER,
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .recovery = true},
    {.name = "after the fault, refused",
     .broken = NEVER,
     .act = PEER_REFUSED,
     .unconnected = true,
     .recovery = true},
    {.name = "served", .act = PEER_ANSWER, .waited = 1500},
    {.name = "impatient", .act = PEER_UNANSWERED, .patience = 1, .waited = 500},
    {.name = "the handshake was lost",
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .unconnected = true},
    {.name = "the machine stood still", .act = PEER_UNANSWERED, .patience = 1, .waited = 2900},
    {.name = "a busy machine stood still",
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 5900,
     .added = 3000},
    {.name = "never served", .act = PEER_UNANSWERED, .patience = 1, .waited = 2000, .new_base = true},
    {.name = "fresh, at the limit",
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .excuse = limit_lowered},
    {.name = "limited from the start", .act = PEER_WRONG, .excuse = limited_from_start},
    {.name = "EMFILE",
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .excuse = no_fds,
     .after = true},
    {.name = "frozen", .act = PEER_UNANSWERED, .patience = 1, .waited = 2000, .excuse = frozen},
    {.name = "just thawed",
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 1000,
     .excuse = thawed,
     .after = true},
    {.name = "our SIGTERM", .act = PEER_REFUSED, .unconnected = true, .excuse = terminated},
    {.name = "we made accept fail",
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .excuse = accept_bent,
     .after = true},
    {.name = "we made its read fail",
     .act = PEER_UNANSWERED,
     .waited = 5,
     .excuse = read_bent,
     .after = true},
    {.name = "edge-triggered, we cut its read",
     .act = PEER_UNANSWERED,
     .patience = 1,
     .waited = 2000,
     .excuse = edge_starved,
     .after = true},
    {.name = "the target died", .act = PEER_UNANSWERED, .waited = 5, .died = true},
};

static void base(struct story *s, const struct service *service)
{
	story_mark(s, MARK_BASE);
	story_canary(s, CANARY, PEER_CONNECT, 0, 0);
	story_canary(s, CANARY, PEER_CONNECTED, 0, 0);
	story_accept(s, STORY_LISTENER, 7, story_port(CANARY));
	story_canary(s, CANARY, PEER_REQUEST, 1, 0);
	if (!service->new_base)
		story_canary(s, CANARY, PEER_ANSWER, 1, NS_PER_MS);
	story_mark(s, MARK_FAULT);
}

static void ask(struct story *s, const struct service *service)
{
	int32_t peer = service->kept ? CANARY : 2;
	struct event event;

	if (!service->kept)
		story_canary(s, peer, PEER_CONNECT, 0, 0);
	if (!service->kept && !service->unconnected) {
		story_canary(s, peer, PEER_CONNECTED, 0, 0);
		story_accept(s, STORY_LISTENER, 8, story_port(peer));
	}
	if (!service->unconnected)
		story_canary(s, peer, PEER_REQUEST, 1, 0);
	if (service->excuse && service->after)
		service->excuse(s);
	story_later(s, service->waited * 1000);
	event = event_make(EV_PEER, service->act);
	event.peer = peer;
	event.flags = EVF_CANARY;
	event.arg[0] = service->patience;
	event.arg[1] = service->added * NS_PER_MS;
	event.ret = service->act == PEER_REFUSED ? -ECONNREFUSED : 0;
	story_tell(s, event);
}

static void test_services(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		const struct service *service = &services[i];
		struct story s = story_new("unserved,no-recovery");

		print_message("  %s\n", service->name);
		base(&s, service);
		if (service->excuse && !service->after)
			service->excuse(&s);
		if (service->recovery)
			story_mark(&s, MARK_RECOVERY);
		ask(&s, service);
		if (service->died)
			story_exit(&s, SIGSEGV);
		if (service->broken)
			(void)assert_broken(&s, service->broken);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* One finding for many complaints, with their number. */
static void test_count(void **state)
{
	struct story s = story_new(NULL);
	const struct finding *finding;

	(void)state;
	base(&s, &services[0]);
	for (int i = 0; i < 3; i++)
		ask(&s, &services[4]);
	finding = assert_broken(&s, UNSERVED);
	assert_int_equal(finding->count, 3);
	assert_string_equal(finding->message,
			    "a healthy client, peer canary, could not connect (ECONNREFUSED)");
	story_free(&s);
}

/* Fds that stay although no connection of the trace does. */
static void keep(uint64_t fds, int32_t peers, bool ended, bool broken)
{
	struct story s = story_new(NEVER);

	story_mark(&s, MARK_BASE);
	story_probe(&s, PROBE_PROCESS, -1, 10, 0, 0, 1024);
	story_mark(&s, MARK_FAULT);
	for (int32_t peer = 3; peer < 3 + peers; peer++) {
		story_peer(&s, peer, PEER_CONNECT);
		story_peer(&s, peer, PEER_CONNECTED);
		if (ended)
			story_peer(&s, peer, PEER_FIN);
	}
	story_later(&s, 2500000);
	story_mark(&s, MARK_QUIET);
	story_probe(&s, PROBE_PROCESS, -1, fds, 0, 0, 1024);
	story_mark(&s, MARK_RECOVERY);
	if (broken)
		(void)assert_broken(&s, NEVER);
	else
		assert_clean(&s);
	story_free(&s);
}

static void test_fds(void **state)
{
	(void)state;
	keep(18, 8, true, true);
	keep(14, 8, true, true);
	keep(13, 8, true, false);
	keep(15, 20, true, false);
	keep(18, 8, false, false);
	keep(10, 8, true, false);
}

/* Sockets connected, or only made: a pool to another server stays, what was never connected is the target's
 * waste. */
static void pool(enum call last, bool broken)
{
	struct story s = story_new(NEVER);

	story_mark(&s, MARK_BASE);
	story_probe(&s, PROBE_PROCESS, -1, 10, 0, 0, 1024);
	story_mark(&s, MARK_FAULT);
	for (int32_t peer = 3; peer < 11; peer++) {
		story_peer(&s, peer, PEER_CONNECT);
		story_peer(&s, peer, PEER_CONNECTED);
		story_call(&s, CALL_socket, -1, 20 + peer);
		if (last == CALL_connect)
			story_call(&s, CALL_connect, 20 + peer, -EINPROGRESS);
		story_peer(&s, peer, PEER_FIN);
	}
	story_later(&s, 2500000);
	story_mark(&s, MARK_QUIET);
	story_probe(&s, PROBE_PROCESS, -1, 18, 0, 0, 1024);
	story_mark(&s, MARK_RECOVERY);
	if (broken)
		(void)assert_broken(&s, NEVER);
	else
		assert_clean(&s);
	story_free(&s);
}

/* Connections with two numbers each, one to read and one to write: all of them are theirs. */
static void test_two_numbers(void **state)
{
	struct story s = story_new(NEVER);

	(void)state;
	story_mark(&s, MARK_BASE);
	story_probe(&s, PROBE_PROCESS, -1, 10, 0, 0, 1024);
	story_mark(&s, MARK_FAULT);
	for (int32_t peer = 3; peer < 7; peer++) {
		story_conn(&s, peer, 20 + peer, EPOLLIN);
		story_call(&s, CALL_dup, 20 + peer, 40 + peer);
	}
	story_peer(&s, 7, PEER_CONNECT);
	story_peer(&s, 7, PEER_CONNECTED);
	story_peer(&s, 7, PEER_FIN);
	story_later(&s, 2500000);
	story_mark(&s, MARK_QUIET);
	story_probe(&s, PROBE_PROCESS, -1, 18, 0, 0, 1024);
	story_mark(&s, MARK_RECOVERY);
	assert_clean(&s);
	story_free(&s);
}

static void test_pool(void **state)
{
	(void)state;
	pool(CALL_connect, false);
	pool(CALL_socket, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_services), cmocka_unit_test(test_count),	 cmocka_unit_test(test_fds),
	    cmocka_unit_test(test_pool),     cmocka_unit_test(test_two_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
