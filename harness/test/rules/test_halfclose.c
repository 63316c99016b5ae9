/* SPDX-License-Identifier: MIT */
/*
 * half-close-unanswered and half-close-truncated.
 *
 *     c3 request ── SHUT_WR ── unanswered
 *     canary                ── request ── answer
 */
#include "story.h"

struct half {
	const char *name;
	const char *broken;
	enum peer_act outcome;
	uint64_t a0, a1;
	const char *meta;
	bool partial;  /* the request was not whole */
	bool open;     /* it never shut down */
	bool answered; /* the whole answer came first */
	bool begun;    /* some of it did */
	bool unaccepted, injected, short_of_fds, short_of_dups, canary_dead, died, closed;
	bool too_late;	/* the target had closed before it asked */
	bool over;	/* or before it shut down, which it sees late */
	bool unread;	/* or behind that, while the peer did not read */
	uint64_t later; /* us: so long after it was told of the end */
	bool waited;	/* and it had waited again meanwhile */
};

#define NONE "half-close-unanswered"
#define PART "half-close-truncated"

static const struct half halves[] = {
    {.name = "closed", .broken = NONE, .outcome = PEER_UNANSWERED},
    {.name = "patience ended", .broken = NONE, .outcome = PEER_UNANSWERED, .a0 = 1},
    {.name = "reset", .broken = NONE, .outcome = PEER_GOT_RST},
    {.name = "a part of it", .broken = PART, .outcome = PEER_CUT, .a0 = 4096, .a1 = 65536, .begun = true},
    {.name = "FIN aborts in this protocol", .outcome = PEER_UNANSWERED, .meta = "half_close=aborts"},
    {.name = "FIN aborts, a part of it",
     .outcome = PEER_CUT,
     .a0 = 10,
     .a1 = 20,
     .begun = true,
     .meta = "half_close=aborts"},
    {.name = "not a whole request", .outcome = PEER_UNANSWERED, .partial = true},
    {.name = "no half-close", .outcome = PEER_UNANSWERED, .open = true},
    {.name = "answered, then reset", .outcome = PEER_GOT_RST, .answered = true},
    {.name = "begun, then reset", .outcome = PEER_GOT_RST, .begun = true},
    {.name = "never accepted", .outcome = PEER_UNANSWERED, .unaccepted = true},
    {.name = "we made a write fail", .outcome = PEER_UNANSWERED, .injected = true},
    {.name = "fds were short", .outcome = PEER_UNANSWERED, .short_of_fds = true},
    {.name = "numbers for a dup were short", .outcome = PEER_UNANSWERED, .short_of_dups = true},
    {.name = "nobody is served", .outcome = PEER_UNANSWERED, .canary_dead = true},
    {.name = "the target died", .outcome = PEER_GOT_RST, .died = true},
    {.name = "closed before it asked", .outcome = PEER_UNANSWERED, .too_late = true},
    {.name = "closed before that, seen late",
     .outcome = PEER_CUT,
     .a0 = 4096,
     .a1 = 65536,
     .begun = true,
     .over = true},
    {.name = "closed while it did not read",
     .broken = PART,
     .outcome = PEER_CUT,
     .a0 = 4096,
     .a1 = 65536,
     .begun = true,
     .unread = true},
    {.name = "closed by a timer while it did not read",
     .outcome = PEER_CUT,
     .a0 = 4096,
     .a1 = 65536,
     .begun = true,
     .unread = true,
     .later = 300000,
     .waited = true},
    {.name = "closed while it did not read, on a slow machine",
     .broken = PART,
     .outcome = PEER_CUT,
     .a0 = 4096,
     .a1 = 65536,
     .begun = true,
     .unread = true,
     .later = 300000},
    {.name = "the peer closed altogether", .outcome = PEER_UNANSWERED, .closed = true},
};

static void ask(struct story *s, const struct half *half)
{
	if (half->unaccepted) {
		story_peer(s, 3, PEER_CONNECT);
		story_peer(s, 3, PEER_CONNECTED);
	} else {
		story_conn(s, 3, 9, EPOLLIN);
	}
	if (half->too_late)
		story_call(s, CALL_close, 9, 0);
	story_peer_args(s, 3, PEER_SEND, 30, 30, 0, 0);
	if (!half->partial)
		story_peer_args(s, 3, PEER_REQUEST, 0, 1, 0, 0);
	if (half->over)
		story_call(s, CALL_close, 9, 0);
	if (!half->open)
		story_peer(s, 3, PEER_HALF_CLOSE);
	if (half->unread) {
		story_peer_args(s, 3, PEER_STALL, 0, 1, 0, 0);
		story_wait(s, 9, EPOLLIN | EPOLLRDHUP);
		story_read(s, 9, 0);
		if (half->waited)
			story_wait_none(s, 1000);
		story_later(s, half->later);
		story_call(s, CALL_close, 9, 0);
		story_peer_args(s, 3, PEER_STALL, 0, 0, 0, 0);
	}
	if (half->injected)
		story_injected(s, CALL_write, 9, -ENOBUFS);
	if (half->short_of_fds)
		story_call(s, CALL_openat, -1, -EMFILE);
	if (half->short_of_dups)
		story_call(s, CALL_fcntl, 9, -EMFILE);
	if (half->begun)
		story_peer_args(s, 3, PEER_RECV, 4096, 4096, 0, 0);
	if (half->answered)
		story_peer_args(s, 3, PEER_ANSWER, 0, 1, 100, 0);
	if (half->closed)
		story_peer(s, 3, PEER_FIN);
	story_peer_args(s, 3, half->outcome, 0, half->a0, half->a1, 0);
	if (half->died)
		story_exit(s, 1 << 8);
}

static void canary(struct story *s, const struct half *half)
{
	if (half->unaccepted || half->died)
		return;
	story_canary(s, 1, PEER_CONNECT, 0, 0);
	story_canary(s, 1, PEER_CONNECTED, 0, 0);
	story_canary(s, 1, PEER_REQUEST, 1, 0);
	if (!half->canary_dead)
		story_canary(s, 1, PEER_ANSWER, 1, NS_PER_MS);
}

static void test_halves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++) {
		struct story s = story_new("half-close-*");

		print_message("  %s\n", halves[i].name);
		if (halves[i].meta)
			story_meta(&s, halves[i].meta);
		story_mark(&s, MARK_FAULT);
		ask(&s, &halves[i]);
		canary(&s, &halves[i]);
		if (halves[i].broken)
			assert_int_equal(assert_broken(&s, halves[i].broken)->peer, 3);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* Without a watcher there is no world to ask, only the peers. */
static void test_unwatched(void **state)
{
	struct story s = story_judged(NULL, 1);

	(void)state;
	story_mark(&s, MARK_READY);
	story_mark(&s, MARK_FAULT);
	ask(&s, &halves[10]);
	(void)assert_broken(&s, NONE);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_halves),
	    cmocka_unit_test(test_unwatched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
