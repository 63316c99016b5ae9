/* SPDX-License-Identifier: MIT */
/*
 * fin-leak and reset-leak.
 *
 *     c3 connect ── FIN ………………………… 2.2 s ……… QUIET: CLOSE_WAIT
 *     target       accept4=9 ── read=0 ── epoll_wait, fd 9 open
 */
#include "story.h"
#include <netinet/tcp.h>
#include <signal.h>

struct leak {
	const char *name;
	const char *broken; /* NULL: none */
	enum peer_act end;
	uint64_t age;	/* ms */
	uint64_t after; /* ms from when it learnt late to the quiet */
	unsigned state; /* TCP, by the probe; 0: the socket is not probed */
	bool unprobed;	/* nothing at all is probed */
	bool read, closed, untouched, shared, busy, runs, frozen, starved, late, writes;
};

#define FIN   "fin-leak"
#define RESET "reset-leak"

static const struct leak leaks[] = {
    {.name = "the end was read",
     .broken = FIN,
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .read = true},
    {.name = "never noticed", .broken = FIN, .end = PEER_FIN, .age = 2200, .state = TCP_CLOSE_WAIT},
    {.name = "without probes", .broken = FIN, .end = PEER_FIN, .age = 2200, .unprobed = true, .read = true},
    {.name = "reset", .broken = RESET, .end = PEER_RST, .age = 2200, .state = TCP_CLOSE, .read = true},
    {.name = "closed with bytes unread",
     .broken = RESET,
     .end = PEER_CLOSE_UNREAD,
     .age = 2200,
     .state = TCP_CLOSE},
    {.name = "open in a child",
     .broken = FIN,
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .read = true,
     .shared = true},
    {.name = "too young", .end = PEER_FIN, .age = 1500, .state = TCP_CLOSE_WAIT, .read = true},
    {.name = "closed", .end = PEER_FIN, .age = 2200, .state = TCP_CLOSE_WAIT, .read = true, .closed = true},
    {.name = "half-closed only", .end = PEER_HALF_CLOSE, .age = 2200, .state = TCP_CLOSE_WAIT, .read = true},
    {.name = "vanished", .end = PEER_VANISH, .age = 2200, .state = TCP_ESTABLISHED},
    {.name = "the FIN has not arrived", .end = PEER_FIN, .age = 2200, .state = TCP_ESTABLISHED},
    {.name = "closed out of our sight", .end = PEER_FIN, .age = 2200, .state = 0, .read = true},
    {.name = "waiting for a worker",
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .untouched = true},
    {.name = "a request is worked on",
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .busy = true,
     .runs = true},
    {.name = "the target did not run", .end = PEER_FIN, .age = 2200, .state = TCP_CLOSE_WAIT, .runs = true},
    {.name = "learnt in the batch that is under way",
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .runs = true,
     .late = true},
    {.name = "learnt late, went on with other things",
     .broken = FIN,
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .runs = true,
     .late = true,
     .after = 1200},
    {.name = "frozen by us until now",
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .read = true,
     .frozen = true},
    {.name = "waits for an edge we took",
     .end = PEER_FIN,
     .age = 2200,
     .state = TCP_CLOSE_WAIT,
     .starved = true},
    {.name = "its loop is stuck in a write",
     .end = PEER_FIN,
     .age = 3600,
     .state = TCP_CLOSE_WAIT,
     .writes = true},
};

static void end_it(struct story *s, const struct leak *leak)
{
	story_conn(s, 3, 9, leak->untouched ? 0 : EPOLLIN);
	if (leak->shared) {
		story_fork(s, 101, 0);
		story_as(s, 101, 101);
	}
	if (leak->starved) {
		struct event event = story_event(s, EV_CALL, CALL_read, 9, 1);

		story_mod(s, 9, EPOLLIN | EPOLLET);
		event.arg[0] = 4096;
		event.flags = EVF_SHORTENED;
		story_tell(s, event);
	}
	if (leak->busy) {
		story_wait(s, 9, EPOLLIN);
		story_peer_args(s, 3, PEER_REQUEST, 0, 1, 0, 0);
		story_read(s, 9, 30);
	}
	if ((leak->runs && !leak->busy) || leak->writes)
		story_wait_none(s, 0);
	story_peer(s, 3, leak->end);
	if (leak->writes) {
		story_later(s, 1500 * 1000);
		story_read(s, 12, 100);
	}
	if (leak->read)
		story_read(s, 9, leak->end == PEER_FIN || leak->end == PEER_HALF_CLOSE ? 0 : -ECONNRESET);
	if (leak->shared) {
		story_close(s, 9);
		story_as(s, 100, 100);
	}
	if (leak->closed)
		story_close(s, 9);
	if (!leak->runs && !leak->writes)
		story_sleep(s, STORY_FOREVER);
}

static void probe(struct story *s, const struct leak *leak)
{
	if (leak->unprobed)
		return;
	story_probe(s, PROBE_LISTENER, STORY_LISTENER, 0, 128, 0, 0);
	story_probe(s, PROBE_THREAD, -1, leak->runs ? 'R' : 'S', leak->writes ? CALL_sendto : CALL_unknown, 0,
		    0);
	if (leak->state && !leak->closed)
		story_probe(s, PROBE_SOCKET, 9, 0, 0, EPOLLIN | EPOLLOUT, leak->state);
}

static void test_leaks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(leaks) / sizeof(*leaks); i++) {
		const struct leak *leak = &leaks[i];
		struct story s = story_new("*-leak");

		print_message("  %s\n", leak->name);
		story_mark(&s, MARK_FAULT);
		end_it(&s, leak);
		if (leak->frozen)
			story_fault(&s, FAULT_SIGNAL, 0, SIGSTOP, NULL);
		story_later(&s, leak->age * 1000);
		if (leak->frozen)
			story_fault(&s, FAULT_SIGNAL, 0, SIGCONT, NULL);
		if (leak->late) {
			story_wait(&s, 9, EPOLLIN);
			story_read(&s, 9, 0);
			story_later(&s, leak->after * 1000);
		}
		story_mark(&s, MARK_QUIET);
		probe(&s, leak);
		story_mark(&s, MARK_RECOVERY);
		if (leak->broken)
			assert_int_equal(assert_broken(&s, leak->broken)->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* The message says what the target knew and how old the leak is. */
static void test_message(void **state)
{
	struct story s = story_new(NULL);
	const struct finding *finding;

	(void)state;
	end_it(&s, &leaks[0]);
	story_later(&s, 2500000);
	story_mark(&s, MARK_QUIET);
	probe(&s, &leaks[0]);
	story_mark(&s, MARK_STOP);
	finding = assert_broken(&s, FIN);
	assert_string_equal(
	    finding->message,
	    "fd 9 (peer c3): closed by the peer 2.50 s ago, still open (CLOSE_WAIT); the end was read");
	story_free(&s);
}

/* Once quiet and once after the recovery: one finding. After the stop: none. */
static void test_once(void **state)
{
	struct story s = story_new(NULL);

	(void)state;
	end_it(&s, &leaks[0]);
	story_later(&s, 2500000);
	story_mark(&s, MARK_QUIET);
	probe(&s, &leaks[0]);
	story_mark(&s, MARK_RECOVERY);
	story_later(&s, 300000);
	probe(&s, &leaks[0]);
	story_mark(&s, MARK_STOP);
	(void)assert_broken(&s, FIN);
	story_free(&s);

	s = story_new(NULL);
	end_it(&s, &leaks[0]);
	story_mark(&s, MARK_STOP);
	story_later(&s, 2500000);
	probe(&s, &leaks[0]);
	assert_clean(&s);
	story_free(&s);
}

/* Under a watch, strangers' connections: only a reset that was reported is certain. */
static void watched(uint32_t reported, unsigned tcp, const char *broken)
{
	struct story s = story_new("*-leak");

	story_accept(&s, STORY_LISTENER, 9, 0);
	story_add(&s, 9, EPOLLIN | EPOLLET);
	story_wait(&s, 9, reported);
	story_sleep(&s, STORY_FOREVER);
	story_later(&s, 2500000);
	story_probe(&s, PROBE_SOCKET, 9, 0, 0, reported, tcp);
	if (broken)
		(void)assert_broken(&s, broken);
	else
		assert_clean(&s);
	story_free(&s);
}

static void test_watch(void **state)
{
	(void)state;
	watched(EPOLLIN | EPOLLERR | EPOLLHUP, TCP_CLOSE, RESET);
	watched(EPOLLIN | EPOLLRDHUP, TCP_CLOSE_WAIT, NULL);
	watched(EPOLLIN | EPOLLHUP, TCP_ESTABLISHED, NULL);
}

/* A ring has read the end: the target knows when it has looked at its completions, before it sleeps again. */
static void test_ring(void **state)
{
	(void)state;
	for (int asleep = 0; asleep < 2; asleep++) {
		struct ring_entry receive = story_request(OP_RECV, 1);
		struct event event;
		struct story s = story_new("*-leak");

		story_mark(&s, MARK_FAULT);
		story_conn(&s, 3, 9, 0);
		story_submit(&s, 9, &receive);
		story_peer(&s, 3, PEER_FIN);
		story_complete(&s, 9, receive, 0, 0);
		event = story_event(&s, EV_ENTER, CALL_io_uring_enter, STORY_RING, 0);
		event.arg[1] = STORY_FOREVER;
		if (asleep)
			story_tell(&s, event);
		story_later(&s, 2200000);
		if (!asleep)
			story_call(&s, CALL_close, 20, 0);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_THREAD, -1, asleep ? 'S' : 'R', CALL_unknown, 0, 0);
		story_probe(&s, PROBE_SOCKET, 9, 0, 0, EPOLLIN | EPOLLOUT, TCP_CLOSE_WAIT);
		story_mark(&s, MARK_RECOVERY);
		if (asleep)
			(void)assert_broken(&s, FIN);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/*
 * A poll of a ring that speaks of changes only is an edge: a read that wringer made to fail leaves the target
 * waiting for one that does not come. Another kind of poll reports again when it is armed again.
 */
static void test_starved_in_a_ring(void **state)
{
	static const struct {
		uint64_t flags; /* IORING_POLL_… */
		bool injected, broken;
	} rows[] = {{1, true, false}, {1, false, true}, {1 | 8, true, true}, {0, true, true}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ring_entry poll = story_request(OP_POLL_ADD, 1);
		struct story s = story_new(FIN);

		poll.length = EPOLLIN | EPOLLRDHUP;
		poll.extra = rows[i].flags;
		story_call(&s, CALL_io_uring_setup, -1, STORY_RING);
		story_conn(&s, 3, 9, 0);
		story_submit(&s, 9, &poll);
		story_peer(&s, 3, PEER_FIN);
		story_complete(&s, 9, poll, EPOLLIN | EPOLLRDHUP, rows[i].flags ? RING_F_MORE : 0);
		if (rows[i].injected)
			story_injected(&s, CALL_read, 9, -EAGAIN);
		story_sleep(&s, STORY_FOREVER);
		story_at(&s, 2300);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_unknown, 0, 0);
		story_probe(&s, PROBE_SOCKET, 9, 0, 0, EPOLLIN | EPOLLOUT, TCP_CLOSE_WAIT);
		story_mark(&s, MARK_RECOVERY);
		if (rows[i].broken)
			(void)assert_broken(&s, FIN);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* What a ring may have done unseen is no proof: the leak is told as a note. */
static void test_hidden_ring(void **state)
{
	(void)state;
	for (int hidden = 0; hidden < 2; hidden++) {
		struct story s = story_new(FIN);
		const struct finding *finding;

		story_call(&s, CALL_io_uring_setup, -1, STORY_RING);
		if (hidden)
			story_tell(&s, story_event(&s, EV_RING, RING_UNSEEN, STORY_RING, 0));
		story_conn(&s, 3, 9, EPOLLIN);
		story_peer(&s, 3, PEER_FIN);
		story_wait(&s, 9, EPOLLIN | EPOLLRDHUP);
		story_read(&s, 9, 0);
		story_sleep(&s, STORY_FOREVER);
		story_at(&s, 2300);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_unknown, 0, 0);
		story_probe(&s, PROBE_SOCKET, 9, 0, 0, EPOLLIN | EPOLLOUT, TCP_CLOSE_WAIT);
		story_mark(&s, MARK_RECOVERY);
		finding = assert_broken(&s, FIN);
		assert_int_equal(finding->severity, hidden ? SEVERITY_INFO : SEVERITY_ERROR);
		assert_int_equal(strstr(finding->message, "unproven") != NULL, hidden);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_leaks),	cmocka_unit_test(test_message),
	    cmocka_unit_test(test_once),	cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_ring),	cmocka_unit_test(test_starved_in_a_ring),
	    cmocka_unit_test(test_hidden_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
