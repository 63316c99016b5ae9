/* SPDX-License-Identifier: MIT */
/* What came of a peer's fault, from journals written by hand. */
#include "test/rules/story.h"

#include <stdlib.h>
#include <unistd.h>
#include "run/reactions.h"

struct record {
	struct world *world;
	struct reactions *reactions;
};

static int follow(void *arg, const struct event *event)
{
	struct record *record = arg;

	assert_int_equal(world_apply(record->world, event), 0);
	reactions_event(record->reactions, record->world, event);
	return 0;
}

/* The story once more, from its file, to the reactions. */
static struct result react(struct story *s, const char *path)
{
	struct record record = {world_new(), reactions_new()};
	struct result result;
	struct error error = {0};

	story_end(s);
	result_init(&result, "any", "any");
	assert_int_equal(journal_read(path, follow, &record, NULL, &error), 0);
	assert_int_equal(reactions_finish(record.reactions, &result), 0);
	reactions_free(record.reactions);
	world_free(record.world);
	(void)unlink(path);
	return result;
}

/* A story that goes to a file of its own, whose path is put into path[64]. */
static struct story begin(char *path)
{
	struct story s = story_judged(NULL, 1);
	int fd;

	(void)snprintf(path, 64, "/tmp/wringer-reactions-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	story_record(&s, path);
	story_ready(&s);
	story_mark(&s, MARK_BASE);
	story_mark(&s, MARK_FAULT);
	return s;
}

static void test_reset(void **state)
{
	char path[64];
	struct story s = begin(path);
	struct result result;

	(void)state;
	story_conn(&s, 3, 9, EPOLLIN);
	story_wait(&s, 9, EPOLLIN); /* before the fault: not of interest */
	story_read(&s, 9, 10);
	story_peer(&s, 3, PEER_RST);
	story_wait(&s, 9, EPOLLIN | EPOLLERR | EPOLLHUP);
	story_read(&s, 9, -ECONNRESET);
	story_wait(&s, 9, EPOLLIN | EPOLLHUP);
	story_wait(&s, 9, EPOLLIN | EPOLLERR | EPOLLHUP);
	story_close(&s, 9);
	result = react(&s, path);
	assert_int_equal(result.reaction_count, 1);
	assert_string_equal(result.reactions[0].peer, "c3");
	assert_string_equal(result.reactions[0].fault, "rst");
	assert_string_equal(result.reactions[0].told, "IN|ERR|HUP, IN|HUP");
	assert_string_equal(result.reactions[0].saw, "");
	assert_int_equal(result.reactions[0].calls, 2); /* read, close */
	assert_true(result.reactions[0].closed_after > 0);
	result_free(&result);
	story_free(&s);
}

/* The half-close is the fault; what the peer sees until it ends counts, and so does the close after its own
 * end. */
static void test_half_close_and_open(void **state)
{
	char path[64];
	struct story s = begin(path);
	struct result result;

	(void)state;
	story_conn(&s, 3, 9, EPOLLIN);
	story_conn(&s, 4, 10, EPOLLIN);
	story_peer(&s, 3, PEER_HALF_CLOSE);
	story_peer(&s, 4, PEER_VANISH);
	story_wait(&s, 9, EPOLLIN | EPOLLRDHUP);
	story_read(&s, 9, 0);
	story_peer_args(&s, 3, PEER_ANSWER, 0, 1, 10, 100);
	story_peer(&s, 3, PEER_GOT_FIN);
	story_later(&s, 5000);
	story_peer(&s, 3, PEER_FIN);
	story_close(&s, 9);
	story_mark(&s, MARK_STOP);
	story_close(&s, 10);
	result = react(&s, path);
	assert_int_equal(result.reaction_count, 2);
	assert_string_equal(result.reactions[0].fault, "half-close");
	assert_string_equal(result.reactions[0].saw, "answer, FIN");
	assert_true(result.reactions[0].closed_after >= 0 && result.reactions[0].closed_after < 5000000);
	assert_string_equal(result.reactions[1].fault, "vanish");
	assert_int_equal(result.reactions[1].closed_after, -1);
	assert_string_equal(result.reactions[1].told, "");
	result_free(&result);
	story_free(&s);
}

/* A ring's completions are what such a target is told. */
static void test_completions(void **state)
{
	char path[64];
	struct story s = begin(path);
	struct ring_entry receive = story_request(OP_RECV, 1), poll = story_request(OP_POLL_ADD, 2);
	struct ring_entry closing = story_request(OP_CLOSE, 3);
	struct result result;

	(void)state;
	story_conn(&s, 3, 9, 0);
	story_submit(&s, 9, &receive);
	story_submit(&s, 9, &poll);
	story_peer(&s, 3, PEER_RST);
	story_complete(&s, 9, poll, EPOLLIN, RING_F_MORE);
	story_complete(&s, 9, poll, EPOLLIN | EPOLLHUP, RING_F_MORE);
	story_complete(&s, 9, receive, -ECONNRESET, 0);
	story_complete(&s, 9, poll, -ECANCELED, 0);
	story_submit(&s, 9, &closing);
	story_later(&s, 5000);
	story_complete(&s, 9, closing, 0, 0);
	result = react(&s, path);
	assert_int_equal(result.reaction_count, 1);
	assert_string_equal(result.reactions[0].told, "POLL_ADD IN, IN|HUP, RECV ECONNRESET, CLOSE 0");
	assert_int_equal(result.reactions[0].calls, 1);
	assert_true(result.reactions[0].closed_after >= 5000000);
	result_free(&result);
	story_free(&s);
}

/* Canaries misbehave never, and of a storm the first thirty-two are told. */
static void test_who_counts(void **state)
{
	char path[64];
	struct story s = begin(path);
	struct result result;

	(void)state;
	story_canary(&s, 90, PEER_CONNECT, 0, 0);
	story_canary(&s, 90, PEER_FIN, 0, 0);
	for (int32_t peer = 1; peer <= 40; peer++) {
		story_conn(&s, peer, 10 + peer, EPOLLIN);
		story_peer(&s, peer, PEER_FIN);
	}
	story_mark(&s, MARK_SETTLE);
	result = react(&s, path);
	assert_int_equal(result.reaction_count, 32);
	assert_string_equal(result.reactions[0].peer, "c1");
	result_free(&result);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_half_close_and_open),
	    cmocka_unit_test(test_completions),
	    cmocka_unit_test(test_who_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
