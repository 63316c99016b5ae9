/* SPDX-License-Identifier: MIT */
/* backlog-overflow: a burst, how late its last handshake was, and how many were waiting then. */
#include "story.h"

struct row {
	const char *name;
	bool broken;
	uint64_t asked[2]; /* backlogs of the calls of listen, 0: no second call */
	unsigned burst;	   /* connections begun before the late one, not accepted */
	bool accepted;	   /* or accepted */
	uint64_t late;	   /* ms until it is connected */
	bool alone;	   /* nothing else happens on our side meanwhile */
	bool given_up;	   /* it is never connected */
	bool reset;	   /* the others are gone before the late one begins, and nobody accepted them */
};

static const struct row rows[] = {
    {"a second after 20 others", true, {128, 0}, 20, false, 1010, false, false, false},
    {"a second call with less", true, {128, 5}, 20, false, 1010, false, false, false},
    {"never", true, {128, 0}, 20, false, 1500, false, true, false},
    {"alone, and a second late", true, {128, 0}, 20, true, 1010, false, false, false},
    {"more than it asked for", false, {16, 0}, 20, false, 1010, false, false, false},
    {"the larger number counts", true, {16, 32}, 20, false, 1010, false, false, false},
    {"a little late", false, {128, 0}, 20, false, 800, false, false, false},
    {"given up soon", false, {128, 0}, 20, false, 500, false, true, false},
    {"our own loop stood still", false, {128, 0}, 20, false, 1010, true, false, false},
    {"the queue is full of those that were reset", false, {16, 0}, 20, false, 1010, false, false, true},
    {"fewer that were reset than it asked for", true, {128, 0}, 20, false, 1010, false, false, true},
};

static void listens(struct story *s, uint64_t backlog)
{
	struct sockaddr_in address = story_address(STORY_PORT);
	struct event event = story_event(s, EV_CALL, CALL_listen, 20, 0);

	event.arg[0] = backlog;
	event.data = &address;
	event.size = sizeof(address);
	story_tell(s, event);
}

/* A listener of our own making: the story's has a backlog already. */
static struct story begin(const struct row *row)
{
	struct story s = story_judged("backlog-overflow", 1);

	story_tell(&s, story_event(&s, EV_PROC, PROC_START, -1, 0));
	story_listen(&s, 20, STORY_PORT, row->asked[0]);
	if (row->asked[1])
		listens(&s, row->asked[1]);
	story_mark(&s, MARK_READY);
	story_mark(&s, MARK_FAULT);
	return s;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		const struct row *row = &rows[n];
		struct story s = begin(row);
		int32_t late = 100;
		uint64_t began;

		print_message("   %s\n", row->name);
		for (int32_t i = 0; i < (int32_t)row->burst; i++) {
			story_peer(&s, 3 + i, PEER_CONNECT);
			story_peer(&s, 3 + i, PEER_CONNECTED);
			if (row->accepted)
				story_accept(&s, 20, 30 + i, story_port(3 + i));
		}
		for (int32_t i = 1; i < (int32_t)row->burst && row->reset; i++) {
			story_peer(&s, 3 + i, PEER_RST);
			story_peer(&s, 3 + i, PEER_GONE);
		}
		began = s.now;
		story_peer(&s, late, PEER_CONNECT);
		for (uint64_t ms = 20; ms < row->late && !row->alone; ms += 20) {
			s.now = began + ms * NS_PER_MS;
			story_peer_args(&s, 3, PEER_SEND, 1, ms, 0, 0);
		}
		s.now = began + row->late * NS_PER_MS;
		story_peer(&s, late, row->given_up ? PEER_GONE : PEER_CONNECTED);
		if (row->broken)
			assert_int_equal(assert_broken(&s, "backlog-overflow")->severity, SEVERITY_WARNING);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
