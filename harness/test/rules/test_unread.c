/* SPDX-License-Identifier: MIT */
/*
 * unread-close and data-dropped, each in variants of one story.
 *
 *     c3 asks ────────── more ──── RST ── "32 of 64 bytes"
 *     target    IN ── read ── write ── close with bytes unread
 */
#include "story.h"
#include <netinet/tcp.h>

#define CLOSE "unread-close"
#define DROP  "data-dropped"

struct ending {
	const char *name;
	const char *broken; /* NULL: none */
	uint32_t mask;	    /* of the last report; 0: none came after the last read */
	int64_t read;	    /* of 4096, 0: nothing is read */
	int64_t wrote;	    /* of 64, 0: nothing is written */
	uint64_t unread;    /* at the close */
	unsigned state;	    /* TCP, at the close; 0: as it is then */
	uint64_t got;	    /* what the peer had received when it was reset */
	enum peer_act act;  /* what the peer did before; 0: nothing, or it shut down writing */
	bool ended;	    /* its FIN is there */
	bool lost;	    /* it is an error, because bytes were lost */
	bool linger_zero, inherited, injected, stopping, shut, shut_long, short_of_fds, timer, shared,
	    timed_out;
};

static const struct ending endings[] = {
    {.name = "behind its answer", .broken = CLOSE, .read = 100, .wrote = 64, .unread = 50, .got = 64},
    {.name = "the answer was lost",
     .broken = CLOSE,
     .lost = true,
     .read = 100,
     .wrote = 64,
     .unread = 50,
     .got = 32},
    {.name = "a full read, not read on", .broken = CLOSE, .read = 4096, .unread = 50},
    {.name = "told and not read", .broken = CLOSE, .read = 100, .mask = EPOLLIN, .unread = 50},
    {.name = "nothing unread", .read = 100, .wrote = 64},
    {.name = "an abort is meant", .read = 100, .wrote = 64, .unread = 50, .linger_zero = true},
    {.name = "by the listener's option", .read = 100, .wrote = 64, .unread = 50, .inherited = true},
    {.name = "turned away", .unread = 50},
    {.name = "it just came", .read = 100, .unread = 50},
    {.name = "a time-out, and it just came", .read = 100, .wrote = 64, .unread = 50, .timer = true},
    {.name = "an answer to silence", .read = 100, .wrote = 64, .unread = 50, .timed_out = true},
    {.name = "it lingered", .read = 100, .wrote = 64, .mask = EPOLLIN, .unread = 50, .shut_long = true},
    {.name = "shut down and closed at once",
     .broken = CLOSE,
     .read = 100,
     .wrote = 64,
     .unread = 50,
     .got = 64,
     .shut = true},
    {.name = "reset meanwhile", .state = TCP_CLOSE, .read = 100, .wrote = 64, .unread = 50, .act = PEER_RST},
    {.name = "nobody is there", .state = TCP_CLOSE_WAIT, .read = 4096, .unread = 50, .act = PEER_FIN},
    {.name = "the peer does not read", .read = 4096, .unread = 50, .act = PEER_STALL},
    {.name = "we made a call fail", .read = 4096, .unread = 50, .injected = true},
    {.name = "the target stops", .read = 4096, .unread = 50, .stopping = true},
    {.name = "fds are short", .read = 4096, .unread = 50, .short_of_fds = true},
    {.name = "a child has it too", .read = 4096, .unread = 50, .shared = true},

    {.name = "closed on RDHUP", .ended = true, .broken = DROP, .mask = EPOLLIN | EPOLLRDHUP, .unread = 50},
    {.name = "closed on HUP", .ended = true, .broken = DROP, .mask = EPOLLIN | EPOLLHUP, .unread = 50},
    {.name = "after one full read",
     .ended = true,
     .broken = DROP,
     .mask = EPOLLIN | EPOLLRDHUP,
     .read = -4096,
     .unread = 50},
    {.name = "the peer is gone altogether",
     .ended = true,
     .broken = DROP,
     .mask = EPOLLIN | EPOLLRDHUP,
     .unread = 50,
     .act = PEER_FIN},
    {.name = "everything was read", .ended = true, .mask = EPOLLIN | EPOLLRDHUP, .read = -100},
    {.name = "after a reset",
     .ended = true,
     .state = TCP_CLOSE,
     .mask = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
     .unread = 50},
    {.name = "reset since", .ended = true, .state = TCP_CLOSE, .mask = EPOLLIN | EPOLLRDHUP, .unread = 50},
    {.name = "the answer waits for room",
     .ended = true,
     .mask = EPOLLIN | EPOLLRDHUP,
     .read = 100,
     .wrote = 10,
     .unread = 50},
    {.name = "it had said all",
     .ended = true,
     .mask = EPOLLIN | EPOLLRDHUP,
     .read = 100,
     .wrote = 64,
     .unread = 50,
     .shut_long = true},
    {.name = "stopping, told of both",
     .ended = true,
     .mask = EPOLLIN | EPOLLRDHUP,
     .unread = 50,
     .stopping = true},
};

static void linger_zero(struct story *s, int32_t fd)
{
	struct event event = story_event(s, EV_CALL, CALL_setsockopt, fd, 0);

	event.arg[0] = SOL_SOCKET;
	event.arg[1] = SO_LINGER;
	event.arg[2] = 1;
	story_tell(s, event);
}

static void serve(struct story *s, const struct ending *ending)
{
	story_wait(s, 9, EPOLLIN);
	if (ending->read > 0)
		story_read(s, 9, ending->read);
	if (ending->injected)
		story_injected(s, CALL_read, 9, -ENOBUFS);
	if (ending->timed_out)
		story_wait_none(s, NS_PER_S);
	if (ending->wrote)
		story_write(s, 9, ending->wrote, 64);
	if (ending->shut || ending->shut_long)
		story_shutdown(s, 9, SHUT_WR);
	if (ending->timer)
		story_wait_none(s, NS_PER_S);
}

static void close_it(struct story *s, const struct ending *ending)
{
	struct event event = story_event(s, EV_CALL, CALL_close, 9, 0);

	event.arg[0] = ending->unread;
	if (ending->unread)
		event.arg[2] = ending->state   ? ending->state
			       : ending->ended ? TCP_CLOSE_WAIT
					       : TCP_ESTABLISHED;
	story_tell(s, event);
}

static void tell(struct story *s, const struct ending *ending)
{
	if (ending->inherited)
		linger_zero(s, STORY_LISTENER);
	story_conn(s, 3, 9, EPOLLIN | EPOLLRDHUP);
	if (ending->linger_zero)
		linger_zero(s, 9);
	if (ending->shared)
		story_fork(s, 101, 0);
	story_peer_args(s, 3, PEER_SEND, 150, 150, 0, 0);
	serve(s, ending);
	if (ending->act || ending->ended)
		story_peer_args(s, 3, ending->act ? ending->act : PEER_HALF_CLOSE, 0, 1, 0, 0);
	if (ending->mask)
		story_wait(s, 9, ending->mask);
	if (ending->read < 0)
		story_read(s, 9, -ending->read);
	if (ending->short_of_fds)
		story_call(s, CALL_accept4, STORY_LISTENER, -EMFILE);
	if (ending->stopping)
		story_mark(s, MARK_STOP);
	close_it(s, ending);
	if (ending->got)
		story_peer_args(s, 3, PEER_RECV, (int64_t)ending->got, ending->got, 0, 0);
	story_peer_args(s, 3, PEER_GOT_RST, -ECONNRESET, 0, 0, 0);
}

static void test_endings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		const struct ending *ending = &endings[i];
		struct story s = story_new(CLOSE "," DROP);

		print_message("  %s\n", ending->name);
		tell(&s, ending);
		if (ending->broken)
			assert_int_equal(assert_broken(&s, ending->broken)->severity == SEVERITY_ERROR,
					 ending->lost || ending->ended);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

static void test_messages(void **state)
{
	struct story s = story_new(CLOSE "," DROP);

	(void)state;
	tell(&s, &endings[1]);
	assert_string_equal(
	    assert_broken(&s, CLOSE)->message,
	    "fd 9 (peer c3): closed with 50 bytes unread; the peer was reset and got 32 of the 64 "
	    "bytes written to it");
	story_free(&s);
	s = story_new(CLOSE "," DROP);
	tell(&s, &endings[20]);
	assert_string_equal(
	    assert_broken(&s, DROP)->message,
	    "fd 9 (peer c3): IN|RDHUP was reported, 50 bytes waited before the end, and it was closed "
	    "without reading them");
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_endings),
	    cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
