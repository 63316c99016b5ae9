/* SPDX-License-Identifier: MIT */
/*
 * edge-not-drained and accept-lost. One story, told in variants: each row changes one thing about a target
 * that forgets an edge, and says whether that still is a lost edge.
 *
 *     c3 sends 5000 ── IN ── read = 4096 ── epoll_wait …………… QUIET: 904 bytes wait
 */
#include "story.h"

struct edge {
	const char *name;
	bool broken;
	uint32_t mask; /* registered with */
	int64_t read;  /* result of the last read, of 4096 asked; 1: it never reads */
	uint64_t waiting, unacked;
	uint64_t timeout; /* of the sleep */
	uint64_t slept;	  /* ms until QUIET */
	bool awake;	  /* the probes find the thread running */
	bool blocked_write, bent, reset, shut, one_shot;
};

#define ET (EPOLLIN | EPOLLET)

static const struct edge edges[] = {
    {.name = "a full read, then sleep",
     .broken = true,
     .mask = ET,
     .read = 4096,
     .waiting = 904,
     .slept = 400},
    {.name = "never read", .broken = true, .mask = ET, .read = 1, .waiting = 5000, .slept = 400},
    {.name = "interrupted, not repeated",
     .broken = true,
     .mask = ET,
     .read = -EINTR,
     .waiting = 5000,
     .slept = 400},
    {.name = "short ticks",
     .broken = true,
     .mask = ET,
     .read = 4096,
     .waiting = 904,
     .timeout = 100 * NS_PER_MS,
     .slept = 1300},
    {.name = "a long timer, waited for",
     .broken = true,
     .mask = ET,
     .read = 4096,
     .waiting = 904,
     .timeout = 60 * NS_PER_S,
     .slept = 3300},
    {.name = "a long timer may still come",
     .mask = ET,
     .read = 4096,
     .waiting = 904,
     .timeout = 60 * NS_PER_S,
     .slept = 2000},
    {.name = "short ticks, too early",
     .mask = ET,
     .read = 4096,
     .waiting = 904,
     .timeout = 100 * NS_PER_MS,
     .slept = 500},
    {.name = "just arrived", .mask = ET, .read = 4096, .waiting = 904, .slept = 50},
    {.name = "nothing waits", .mask = ET, .read = 4096, .slept = 400},
    {.name = "short read", .mask = ET, .read = 4000, .waiting = 1000, .slept = 400},
    {.name = "EAGAIN", .mask = ET, .read = -EAGAIN, .waiting = 1000, .slept = 400},
    {.name = "level-triggered", .mask = EPOLLIN, .read = 4096, .waiting = 904, .slept = 400},
    {.name = "not asked for", .mask = EPOLLOUT | EPOLLET, .read = 4096, .waiting = 904, .slept = 400},
    {.name = "one-shot is another rule's",
     .mask = ET | EPOLLONESHOT,
     .read = 4096,
     .waiting = 904,
     .slept = 400},
    {.name = "the thread runs", .mask = ET, .read = 4096, .waiting = 904, .slept = 400, .awake = true},
    {.name = "output not acknowledged",
     .mask = ET,
     .read = 4096,
     .waiting = 904,
     .unacked = 70000,
     .slept = 400},
    {.name = "output blocked", .mask = ET, .read = 4096, .waiting = 904, .slept = 400, .blocked_write = true},
    {.name = "we cut the read short", .mask = ET, .read = 4096, .waiting = 904, .slept = 400, .bent = true},
    {.name = "the peer reset", .mask = ET, .read = 4096, .waiting = 904, .slept = 400, .reset = true},
    {.name = "the target is done with it",
     .mask = ET,
     .read = 4096,
     .waiting = 904,
     .slept = 400,
     .shut = true},
};

static void act(struct story *s, const struct edge *edge)
{
	struct event event;

	story_conn(s, 3, 9, edge->mask);
	story_peer_args(s, 3, PEER_SEND, 5000, 5000, 0, 0);
	story_wait(s, 9, EPOLLIN);
	event = story_event(s, EV_CALL, CALL_read, 9, edge->read);
	event.arg[0] = 4096;
	event.flags = edge->bent ? EVF_SHORTENED : 0;
	if (edge->read != 1)
		story_tell(s, event);
	if (edge->blocked_write)
		story_write(s, 9, -EAGAIN, 100);
	if (edge->shut)
		story_shutdown(s, 9, SHUT_WR);
	if (edge->reset)
		story_peer(s, 3, PEER_RST);
	story_sleep(s, edge->timeout ? edge->timeout : STORY_FOREVER);
}

static void probe(struct story *s, const struct edge *edge)
{
	story_probe(s, PROBE_SOCKET, 9, edge->waiting, edge->unacked,
		    EPOLLIN | (edge->blocked_write ? 0 : EPOLLOUT), 1);
	story_probe(s, PROBE_LISTENER, STORY_LISTENER, 0, 128, 0, 0);
	story_probe(s, PROBE_THREAD, -1, edge->awake ? 'R' : 'S', CALL_epoll_wait, 0, 0);
}

static void test_edges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		struct story s = story_new(NULL);

		print_message("  %s\n", edges[i].name);
		story_mark(&s, MARK_FAULT);
		act(&s, &edges[i]);
		story_mark(&s, MARK_SETTLE);
		story_later(&s, edges[i].slept * 1000);
		story_mark(&s, MARK_QUIET);
		probe(&s, &edges[i]);
		if (!edges[i].reset)
			story_peer(&s, 3, PEER_RST);
		story_mark(&s, MARK_STOP);
		if (edges[i].broken)
			assert_int_equal(assert_broken(&s, "edge-not-drained")->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* Twice the time-scale, twice the patience. */
static void test_scale(void **state)
{
	struct story s = story_judged(NULL, 2);

	(void)state;
	story_ready(&s);
	act(&s, &edges[0]);
	story_later(&s, 400000);
	story_mark(&s, MARK_QUIET);
	probe(&s, &edges[0]);
	assert_clean(&s);
	story_free(&s);
}

/* A watch has no peers and no QUIET: two probes that find the same bytes unread are needed, and enough. */
static void watched(bool read_between, bool broken)
{
	struct story s = story_new(NULL);

	story_accept(&s, STORY_LISTENER, 9, 0);
	story_add(&s, 9, ET);
	story_wait(&s, 9, EPOLLIN);
	story_read(&s, 9, 4096);
	story_sleep(&s, STORY_FOREVER);
	story_later(&s, 2000000);
	probe(&s, &edges[0]);
	if (read_between) {
		const struct ready ready = {.data = 9, .events = EPOLLIN, .fd = -1};

		story_wake(&s, STORY_FOREVER, &ready, 1);
		story_read(&s, 9, 4096);
		story_sleep(&s, STORY_FOREVER);
	}
	story_later(&s, 1000000);
	probe(&s, &edges[0]);
	if (broken)
		(void)assert_broken(&s, "edge-not-drained");
	else
		assert_clean(&s);
	story_free(&s);
}

static void test_watch(void **state)
{
	(void)state;
	watched(false, true);
	watched(true, false);
}

/* A proxy that does not read because its upstream takes nothing. */
static void test_upstream(void **state)
{
	struct story s = story_new(NULL);
	struct sockaddr_in address = story_address(9000);
	struct event event;

	(void)state;
	act(&s, &edges[0]);
	event = story_event(&s, EV_CALL, CALL_socket, -1, 11);
	event.arg[0] = AF_INET;
	event.arg[1] = SOCK_STREAM;
	story_tell(&s, event);
	event = story_event(&s, EV_CALL, CALL_connect, 11, -EINPROGRESS);
	event.data = &address;
	event.size = sizeof(address);
	story_tell(&s, event);
	story_write(&s, 11, -EAGAIN, 4096);
	story_sleep(&s, STORY_FOREVER);
	story_later(&s, 4000000);
	story_mark(&s, MARK_QUIET);
	probe(&s, &edges[0]);
	assert_clean(&s);
	story_free(&s);
}

/* Listeners: two peers arrive at once, one event, one accept. */
struct queue {
	const char *name;
	bool broken;
	uint32_t mask;
	int64_t last; /* the accept after the first */
	uint64_t waiting, slept;
	uint64_t fds, limit;
	unsigned crowd; /* further connections that are open */
	bool lowered, removed;
};

static const struct queue queues[] = {
    {.name = "one accept for two", .broken = true, .mask = ET, .last = 1, .waiting = 1, .slept = 400},
    {.name = "ECONNABORTED ends it",
     .broken = true,
     .mask = ET,
     .last = -ECONNABORTED,
     .waiting = 1,
     .slept = 400},
    {.name = "EMFILE, fds free again",
     .broken = true,
     .mask = ET,
     .last = -EMFILE,
     .waiting = 1,
     .slept = 3300,
     .fds = 9,
     .limit = 64},
    {.name = "EMFILE, a back-off may come",
     .mask = ET,
     .last = -EMFILE,
     .waiting = 1,
     .slept = 1500,
     .fds = 9,
     .limit = 64},
    {.name = "EMFILE, still full",
     .mask = ET,
     .last = -EMFILE,
     .waiting = 1,
     .slept = 3300,
     .fds = 64,
     .limit = 64},
    {.name = "EMFILE, limit lowered by us",
     .mask = ET,
     .last = -EMFILE,
     .waiting = 1,
     .slept = 3300,
     .fds = 9,
     .limit = 64,
     .lowered = true},
    {.name = "EAGAIN", .mask = ET, .last = -EAGAIN, .waiting = 1, .slept = 400},
    {.name = "level-triggered", .mask = EPOLLIN, .last = 1, .waiting = 1, .slept = 400},
    {.name = "nobody waits", .mask = ET, .last = 1, .slept = 400},
    {.name = "just arrived", .mask = ET, .last = 1, .waiting = 1, .slept = 50},
    {.name = "taken out of the set", .mask = ET, .last = 1, .waiting = 1, .slept = 400, .removed = true},
    {.name = "a limit on connections", .mask = ET, .last = 1, .waiting = 1, .slept = 400, .crowd = 9},
};

static void arrive(struct story *s, const struct queue *queue)
{
	story_mod(s, STORY_LISTENER, queue->mask);
	for (unsigned i = 0; i < queue->crowd; i++)
		story_conn(s, 10 + (int32_t)i, 20 + (int32_t)i, EPOLLIN);
	story_peer(s, 3, PEER_CONNECT);
	story_peer(s, 3, PEER_CONNECTED);
	story_peer(s, 4, PEER_CONNECT);
	story_peer(s, 4, PEER_CONNECTED);
	story_wait(s, STORY_LISTENER, EPOLLIN);
	story_accept(s, STORY_LISTENER, 9, story_port(3));
	story_add(s, 9, EPOLLIN);
	if (queue->last < 0)
		story_accept(s, STORY_LISTENER, queue->last, 0);
	if (queue->removed)
		story_del(s, STORY_LISTENER);
	story_sleep(s, STORY_FOREVER);
}

static void limit(struct story *s)
{
	struct event event = story_event(s, EV_FAULT, FAULT_LIMIT, -1, 0);

	event.arg[0] = 8;
	event.arg[1] = 1024;
	story_tell(s, event);
}

static void test_queues(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(queues) / sizeof(*queues); i++) {
		const struct queue *queue = &queues[i];
		struct story s = story_new("edge-not-drained,accept-lost");

		print_message("  %s\n", queue->name);
		story_mark(&s, MARK_FAULT);
		if (queue->lowered)
			limit(&s);
		arrive(&s, queue);
		story_later(&s, queue->slept * 1000);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_LISTENER, STORY_LISTENER, queue->waiting, 128, EPOLLIN, 0);
		story_probe(&s, PROBE_PROCESS, -1, queue->fds, 0, 0, queue->limit);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
		story_mark(&s, MARK_RECOVERY);
		if (queue->broken)
			assert_int_equal(assert_broken(&s, "accept-lost")->peer, 4);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* A multishot poll of a ring is an edge as well; one that is submitted again, or reports levels, is none. */
static void test_polls(void **state)
{
	static const struct {
		uint64_t flags; /* IORING_POLL_… */
		int64_t read;
		bool broken;
	} rows[] = {
	    {1, 4096, true}, {1, 1000, false}, {1, -EAGAIN, false}, {1 | 8, 4096, false}, {0, 4096, false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ring_entry poll = story_request(OP_POLL_ADD, 1);
		struct story s = story_new("edge-not-drained");

		poll.length = EPOLLIN;
		poll.extra = rows[i].flags;
		story_conn(&s, 3, 9, 0);
		story_submit(&s, 9, &poll);
		if (rows[i].flags)
			story_complete(&s, 9, poll, EPOLLIN, RING_F_MORE);
		story_read(&s, 9, rows[i].read);
		story_sleep(&s, STORY_FOREVER);
		story_later(&s, 400000);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
		story_probe(&s, PROBE_SOCKET, 9, 904, 0, EPOLLIN | EPOLLOUT, 1);
		story_mark(&s, MARK_RECOVERY);
		if (rows[i].broken)
			(void)assert_broken(&s, "edge-not-drained");
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_edges),    cmocka_unit_test(test_scale),  cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_upstream), cmocka_unit_test(test_queues), cmocka_unit_test(test_polls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
