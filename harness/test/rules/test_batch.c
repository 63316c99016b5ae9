/* SPDX-License-Identifier: MIT */
/*
 * stale-event and wrong-close, in variants of one batch.
 *
 *     epoll_wait = 2 [fd 10: IN|RDHUP, fd 9: IN]   c3 has fd 9, c4 has fd 10
 *     close(9) ── accept4 = 9 (c5) ── read(9), or close(9)
 */
#include "story.h"

#define STALE "stale-event"
#define WRONG "wrong-close"

enum deed { READ, WRITE, CLOSE, NOTHING };

struct batch {
	const char *name;
	const char *broken; /* NULL: none */
	enum deed deed;	    /* on number 9 after the close */
	bool accepted;	    /* c5 has taken the number in between */
	bool eager;	    /* the target reads every connection at once */
	bool new_turn;	    /* a wait in between */
	bool reported;	    /* c5 was, in that turn */
	bool alone;	    /* fd 9 was not in the batch */
	bool healthy;	    /* fd 9 had not died */
	bool unregistered, gone, limited, stopping, old, habit, injected;
};

static const struct batch batches[] = {
    {.name = "read after close", .broken = STALE, .deed = READ},
    {.name = "written after close", .broken = STALE, .deed = WRITE},
    {.name = "a newcomer is read", .broken = STALE, .deed = READ, .accepted = true},
    {.name = "a newcomer is written to", .broken = STALE, .deed = WRITE, .accepted = true},
    {.name = "a newcomer is closed", .broken = WRONG, .deed = CLOSE, .accepted = true},
    {.name = "it is closed a turn later", .broken = WRONG, .deed = CLOSE, .accepted = true, .new_turn = true},
    {.name = "in another turn it is no event of the batch", .deed = READ, .new_turn = true},
    {.name = "it was not in the batch", .deed = READ, .alone = true},
    {.name = "a result of ours", .deed = READ, .injected = true},
    {.name = "every newcomer is read at once", .deed = READ, .accepted = true, .eager = true},
    {.name = "the newcomer's own event", .deed = READ, .accepted = true, .new_turn = true, .reported = true},
    {.name = "left alone", .deed = NOTHING, .accepted = true},
    {.name = "closed twice, nobody in between", .deed = CLOSE},
    {.name = "turned away", .deed = CLOSE, .accepted = true, .unregistered = true},
    {.name = "it had something to say", .deed = CLOSE, .accepted = true, .new_turn = true, .reported = true},
    {.name = "its peer is gone", .deed = CLOSE, .accepted = true, .gone = true},
    {.name = "the one before had not died", .deed = CLOSE, .accepted = true, .healthy = true},
    {.name = "fds are short", .deed = CLOSE, .accepted = true, .limited = true},
    {.name = "stopping", .deed = CLOSE, .accepted = true, .stopping = true},
    {.name = "a time-out", .deed = CLOSE, .accepted = true, .new_turn = true, .old = true},
    {.name = "others are closed like that too", .deed = CLOSE, .accepted = true, .habit = true},
};

/* Three exchanges, so that the target's way with newcomers is known. */
static void live(struct story *s, const struct batch *batch)
{
	for (int32_t peer = 11; peer < 14; peer++) {
		story_conn(s, peer, peer + 10, EPOLLIN);
		if (batch->eager)
			story_read(s, peer + 10, -EAGAIN);
		story_wait(s, peer + 10, EPOLLIN);
		story_read(s, peer + 10, 100);
		story_write(s, peer + 10, 100, 100);
	}
	if (!batch->habit)
		return;
	story_conn(s, 14, 24, EPOLLIN);
	story_close(s, 24);
}

static void newcomer(struct story *s, const struct batch *batch)
{
	story_accept(s, STORY_LISTENER, 9, story_port(5));
	if (!batch->unregistered)
		story_add(s, 9, EPOLLIN);
	if (batch->gone)
		story_peer(s, 5, PEER_FIN);
	if (batch->limited)
		story_call(s, CALL_accept4, STORY_LISTENER, -EMFILE);
	if (batch->stopping)
		story_mark(s, MARK_STOP);
}

static void act(struct story *s, const struct batch *batch)
{
	int64_t failed = batch->accepted ? -EAGAIN : -EBADF;

	if (batch->injected)
		story_injected(s, CALL_read, 9, -EBADF);
	else if (batch->deed == READ)
		story_read(s, 9, failed);
	else if (batch->deed == WRITE)
		story_write(s, 9, failed, 64);
	else if (batch->deed == CLOSE)
		story_call(s, CALL_close, 9, batch->accepted ? 0 : -EBADF);
}

static void tell(struct story *s, const struct batch *batch)
{
	live(s, batch);
	story_conn(s, 3, 9, EPOLLIN);
	story_conn(s, 4, 10, EPOLLIN);
	story_peer(s, 5, PEER_CONNECT);
	story_peer(s, 5, PEER_CONNECTED);
	story_peer(s, 4, PEER_FIN);
	if (!batch->healthy)
		story_peer(s, 3, PEER_FIN);
	if (batch->alone)
		story_wait(s, 10, EPOLLIN | EPOLLRDHUP);
	else
		story_wait2(s, 10, EPOLLIN | EPOLLRDHUP, 9, EPOLLIN);
	story_close(s, 9);
	if (batch->accepted)
		newcomer(s, batch);
	if (batch->old)
		story_later(s, 2000000);
	if (batch->new_turn)
		story_wait(s, batch->reported ? 9 : 10, EPOLLIN);
	act(s, batch);
}

static void test_batches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
		struct story s = story_new(STALE "," WRONG);

		print_message("  %s\n", batches[i].name);
		tell(&s, &batches[i]);
		if (batches[i].broken)
			assert_int_equal(assert_broken(&s, batches[i].broken)->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
