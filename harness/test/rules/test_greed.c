/* SPDX-License-Identifier: MIT */
/* starvation: what is done for c3 between the canary's request and the read of it. */
#include <errno.h>
#include <poll.h>
#include "story.h"

#define FD     9
#define CANARY 8

struct row {
	const char *name;
	bool broken;
	unsigned calls;
	uint64_t size;	/* of each */
	unsigned share; /* calls after which the loop looks at the others; 0: none */
	unsigned peers; /* that share the calls */
	bool thread;	/* another thread does it */
	unsigned late;	/* calls before the request is sent */
	unsigned waits; /* calls after which the thread waits, and is told of c3 alone; 0: never */
	bool told;	/* a wait told of the request at once, and it was passed over */
	unsigned poll;	/* the waits are polls of so many fds (1: of c3 alone, it could not tell) */
	bool bent;	/* an accept was made to fail meanwhile */
	bool rests;	/* or just before */
};

static const struct row rows[] = {
    {"served on and on", true, 400, 16384, 0, 1, false, 0, 0, false, 0, false, false},
    {"a share of a turn", false, 400, 16384, 4, 1, false, 0, 0, false, 0, false, false},
    {"few calls", false, 4, 4 << 20, 0, 1, false, 0, 0, false, 0, false, false},
    {"small calls", false, 600, 100, 0, 1, false, 0, 0, false, 0, false, false},
    {"many peers", false, 400, 16384, 0, 8, false, 0, 0, false, 0, false, false},
    {"another thread", false, 400, 16384, 0, 1, true, 0, 0, false, 0, false, false},
    {"before the request", false, 400, 16384, 0, 1, false, 390, 0, false, 0, false, false},
    {"waits in between, not told", false, 400, 16384, 0, 1, false, 0, 8, false, 0, false, false},
    {"told, and passed over", true, 400, 16384, 0, 1, false, 0, 8, true, 0, false, false},
    {"polls of one in between", true, 400, 16384, 0, 1, false, 0, 8, false, 1, false, false},
    {"polls of all in between, not told", false, 400, 16384, 0, 1, false, 0, 8, false, 2, false, false},
    {"told by such a poll, and passed over", true, 400, 16384, 0, 1, false, 0, 8, true, 2, false, false},
    {"rests from accepting", false, 400, 16384, 0, 1, false, 0, 0, false, 0, true, false},
    {"rested already", false, 400, 16384, 0, 1, false, 0, 0, false, 0, false, true},
};

static void tell(struct story *s, bool polls)
{
	if (polls)
		story_poll_of(s, CALL_poll, 2, CANARY, POLLIN, POLLIN);
	else
		story_wait(s, CANARY, EPOLLIN);
}

static void serve_canary(struct story *s, bool polls)
{
	tell(s, polls);
	story_read(s, CANARY, 100);
	story_write(s, CANARY, 100, 100);
	story_canary(s, 2, PEER_ANSWER, 1, NS_PER_MS);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		const struct row *row = &rows[n];
		struct story s = story_new("starvation");
		bool served = false;

		print_message("   %s\n", row->name);
		story_canary(&s, 2, PEER_CONNECT, 0, 0);
		story_accept(&s, STORY_LISTENER, CANARY, story_port(2));
		story_add(&s, CANARY, EPOLLIN);
		for (unsigned i = 0; i < row->peers; i++)
			story_conn(&s, 3 + (int32_t)i, FD + (int32_t)i, EPOLLIN);
		story_mark(&s, MARK_FAULT);
		for (unsigned i = 0; i < row->calls; i++) {
			if (i == row->late && row->rests)
				story_injected(&s, CALL_accept4, STORY_LISTENER, -EPERM);
			if (i == row->late)
				story_canary(&s, 2, PEER_REQUEST, 1, 0);
			if (i == row->late && row->bent)
				story_injected(&s, CALL_accept4, STORY_LISTENER, -EPERM);
			if (i == row->late && row->told)
				tell(&s, row->poll);
			if (row->waits && i % row->waits == row->waits - 1) {
				if (row->poll)
					story_poll_of(&s, CALL_poll, row->poll, FD, POLLOUT, POLLOUT);
				else
					story_wait(&s, FD, EPOLLOUT);
			}
			if (row->thread)
				story_as(&s, STORY_PID, 101);
			story_write(&s, FD + (int32_t)(i % row->peers), (int64_t)row->size, row->size);
			story_as(&s, STORY_PID, STORY_PID);
			if (row->share && i % row->share == row->share - 1 && !served) {
				serve_canary(&s, row->poll);
				served = true;
			}
		}
		if (!served)
			serve_canary(&s, row->poll);
		if (row->broken)
			assert_int_equal(assert_broken(&s, "starvation")->severity, SEVERITY_WARNING);
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
