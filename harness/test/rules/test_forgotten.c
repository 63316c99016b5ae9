/* SPDX-License-Identifier: MIT */
/*
 * request-forgotten: two requests are read together, one is answered, and the peer waits for the other in
 * vain. Each row changes one thing about that, and says whether it still is a request forgotten.
 *
 *     c3 request request ── read = 200 ── write = 100 ── epoll_wait …… c3 gives up ── QUIET
 *     canary                                              request, answer
 */
#include <signal.h>
#include <sys/wait.h>
#include "story.h"

#define RULE "request-forgotten"

struct tale {
	const char *name;
	bool broken;
	uint64_t timeout; /* of the sleep; 0: none */
	uint64_t slept;	  /* ms until it gives up */
	bool unread, unsent, short_write, half_closed, stalled, urgent, wrong, closed, late;
	bool canary_waits, injected, elsewhere, short_of_fds, upstream, awake, died, patient;
};

static const struct tale tales[] = {
    {.name = "forgotten", .broken = true},
    {.name = "short ticks", .broken = true, .timeout = 100 * NS_PER_MS},
    {.name = "a long timer, waited for", .broken = true, .timeout = 60 * NS_PER_S, .slept = 3300},
    {.name = "a long timer may still come", .timeout = 60 * NS_PER_S},
    {.name = "the peer did not wait", .patient = true},
    {.name = "its bytes were not read: another rule's", .unread = true},
    {.name = "an answer is on its way", .unsent = true},
    {.name = "an answer waits for room", .short_write = true},
    {.name = "half-closed: another rule's", .half_closed = true},
    {.name = "the peer does not read", .stalled = true},
    {.name = "an urgent byte may have been read with it", .urgent = true},
    {.name = "a wrong answer", .wrong = true},
    {.name = "the target closed", .closed = true},
    {.name = "the answer came after all", .late = true},
    {.name = "nobody is served", .canary_waits = true},
    {.name = "we made a call on it fail", .injected = true},
    {.name = "we made another call fail", .elsewhere = true},
    {.name = "fds were short", .short_of_fds = true},
    {.name = "it asks somebody else", .upstream = true},
    {.name = "the thread runs", .awake = true},
    {.name = "the target died", .died = true},
};

static void ask(struct story *s, const struct tale *tale)
{
	story_conn(s, 3, 9, EPOLLIN);
	if (tale->upstream)
		story_call(s, CALL_connect, 12, -EINPROGRESS);
	story_peer_args(s, 3, PEER_SEND, 200, 200, 0, 0);
	story_peer_args(s, 3, PEER_REQUEST, 0, 1, 0, 0);
	story_peer_args(s, 3, PEER_REQUEST, 0, 2, 0, 0);
	if (tale->urgent)
		story_peer(s, 3, PEER_OOB);
	story_wait(s, 9, EPOLLIN);
	story_read(s, 9, tale->unread ? 100 : 200);
	if (tale->injected || tale->elsewhere) {
		struct event event =
		    story_event(s, EV_CALL, CALL_write, tale->injected ? 9 : STORY_LISTENER, -EAGAIN);
		event.flags = EVF_INJECTED;
		story_tell(s, event);
	}
	story_write(s, 9, 100, tale->short_write ? 200 : 100);
	story_peer_args(s, 3, PEER_RECV, 100, 100, 0, 0);
	story_peer_args(s, 3, tale->wrong ? PEER_WRONG : PEER_ANSWER, 0, 1, 100, 1000);
	if (tale->short_of_fds)
		story_accept(s, STORY_LISTENER, -EMFILE, 0);
	if (tale->half_closed)
		story_peer(s, 3, PEER_HALF_CLOSE);
	if (tale->stalled)
		story_peer_args(s, 3, PEER_STALL, 0, 1, 0, 0);
	if (tale->closed)
		story_close(s, 9);
}

static void wait_in_vain(struct story *s, const struct tale *tale)
{
	story_canary(s, 1, PEER_REQUEST, 2, 0);
	if (!tale->canary_waits)
		story_canary(s, 1, PEER_ANSWER, 2, 1000);
	story_sleep(s, tale->timeout ? tale->timeout : STORY_FOREVER);
	story_later(s, (tale->slept ? tale->slept : 2100) * 1000);
	if (!tale->patient)
		story_peer_args(s, 3, PEER_UNANSWERED, 0, 1, 0, 0);
	if (tale->late) {
		story_peer_args(s, 3, PEER_RECV, 100, 200, 0, 0);
		story_peer_args(s, 3, PEER_ANSWER, 0, 2, 100, 1000);
	}
	if (tale->died)
		story_exit(s, W_EXITCODE(0, SIGSEGV));
}

static void test_tales(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tales) / sizeof(*tales); i++) {
		const struct tale *tale = &tales[i];
		struct story s = story_new(NULL);

		print_message("  %s\n", tale->name);
		story_mark(&s, MARK_FAULT);
		ask(&s, tale);
		story_mark(&s, MARK_SETTLE);
		wait_in_vain(&s, tale);
		story_mark(&s, MARK_QUIET);
		if (!tale->closed)
			story_probe(&s, PROBE_SOCKET, 9, tale->unread ? 100 : 0, tale->unsent ? 100 : 0,
				    EPOLLOUT, 1);
		story_probe(&s, PROBE_THREAD, -1, tale->awake ? 'R' : 'S', CALL_epoll_wait, 0, 0);
		story_peer(&s, 3, PEER_FIN);
		story_mark(&s, MARK_STOP);
		if (tale->broken)
			assert_int_equal(assert_broken(&s, RULE)->fd, 9);
		else
			assert_null(story_finding(&s, RULE));
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_tales)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
