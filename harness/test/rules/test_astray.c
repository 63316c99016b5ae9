/* SPDX-License-Identifier: MIT */
/*
 * cross-talk.
 *
 *     c3 asks with the token s1-aaaaaaaa
 *     c4 asks with the token s2-bbbbbbbb ── receives "… s1-aaaaaaaa …"
 */
#include "story.h"

#define TALK "cross-talk"

struct talk {
	const char *name;
	bool broken;
	const char *mine;     /* c4's token */
	const char *why;      /* what the report says */
	const char *received; /* what stands behind it */
};

static const struct talk talks[] = {
    {.name = "in what was received",
     .broken = true,
     .mine = "s2-bbbbbbbb",
     .why = "status",
     .received = "HTTP s1-aaaaaaaa"},
    {.name = "in the reason only",
     .broken = true,
     .mine = "s2-bbbbbbbb",
     .why = "received s1-aaaaaaaa",
     .received = ""},
    {.name = "nobody's", .mine = "s2-bbbbbbbb", .why = "status", .received = "HTTP s7-aaaaaaaa"},
    {.name = "its own", .mine = "s2-bbbbbbbb", .why = "body", .received = "HTTP s2-bbbbbbbb"},
    {.name = "both have the same", .mine = "s1-aaaaaaaa", .why = "body", .received = "HTTP s1-aaaaaaaa"},
    {.name = "a part of it", .mine = "s2-bbbbbbbb", .why = "body", .received = "HTTP s1-aaaa"},
};

static void ask(struct story *s, int32_t peer, const char *token)
{
	struct event event = event_make(EV_PEER, PEER_REQUEST);

	event.peer = peer;
	event.arg[0] = 1;
	event.data = token;
	event.size = (uint32_t)strlen(token) + 1;
	story_tell(s, event);
}

static void wrong(struct story *s, int32_t peer, const struct talk *talk)
{
	struct event event = event_make(EV_PEER, PEER_WRONG);
	char data[128];
	int size = snprintf(data, sizeof(data), "%s%c%s", talk->why, 0, talk->received);

	event.peer = peer;
	event.data = data;
	event.size = (uint32_t)size;
	story_tell(s, event);
}

static void test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		struct story s = story_new(TALK);

		print_message("  %s\n", talks[i].name);
		story_conn(&s, 3, 9, EPOLLIN);
		story_conn(&s, 4, 10, EPOLLIN);
		ask(&s, 3, "s1-aaaaaaaa");
		ask(&s, 4, talks[i].mine);
		wrong(&s, 4, &talks[i]);
		if (talks[i].broken)
			assert_int_equal(assert_broken(&s, TALK)->peer, 4);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

static void test_message(void **state)
{
	struct story s = story_new(TALK);

	(void)state;
	story_conn(&s, 3, 9, EPOLLIN);
	story_conn(&s, 4, 10, EPOLLIN);
	ask(&s, 3, "s1-aaaaaaaa");
	story_later(&s, 250000);
	wrong(&s, 4, &talks[0]);
	assert_string_equal(assert_broken(&s, TALK)->message,
			    "fd 10 (peer c4) received the token s1-aaaaaaaa, which c3 had sent 0.250 s "
			    "before on another connection");
	story_free(&s);
}

/* Without tokens, or with one too short to mean anything, nothing is said. */
static void test_silent(void **state)
{
	struct story s = story_new(TALK);

	(void)state;
	story_conn(&s, 3, 9, EPOLLIN);
	story_conn(&s, 4, 10, EPOLLIN);
	story_peer(&s, 3, PEER_REQUEST);
	ask(&s, 3, "HTTP");
	wrong(&s, 4, &talks[0]);
	assert_clean(&s);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_talks),
	    cmocka_unit_test(test_message),
	    cmocka_unit_test(test_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
