/* SPDX-License-Identifier: MIT */
/* redundant-ctl: what is done to a connection's registration after each event, so often, and whether it was
 * needed. */
#include "story.h"

#define FD   9
#define EDGE (EPOLLIN | EPOLLET)
#define SHOT (EPOLLIN | EPOLLONESHOT)

enum habit { NOTHING, SAME, SAME_AT_END, TOGGLE, OUT_AND_IN, OTHER_DATA };

struct row {
	const char *name;
	bool broken;
	uint32_t mask;
	enum habit habit;
	unsigned events, every; /* it happens after every so many */
	bool ring;
};

static const struct row rows[] = {
    {"the same mask after each event", true, EPOLLIN, SAME, 20, 1, false},
    {"out and in for each event", true, EPOLLIN, OUT_AND_IN, 20, 1, false},
    {"after every second event", true, EPOLLIN, SAME, 40, 2, false},
    {"after every fourth event", false, EPOLLIN, SAME, 80, 4, false},
    {"a few times", false, EPOLLIN, SAME, 12, 1, false},
    {"OUT asked for and dropped", false, EPOLLIN, TOGGLE, 40, 1, false},
    {"an edge asked for again", false, EDGE, SAME, 40, 1, false},
    {"a one-shot armed again", false, SHOT, SAME, 40, 1, false},
    {"once, as the connection ends", false, EPOLLIN, SAME_AT_END, 40, 1, false},
    {"other data", false, EPOLLIN, OTHER_DATA, 40, 1, false},
    {"never", false, EPOLLIN, NOTHING, 40, 1, false},
    {"a ring may have changed it meanwhile", false, EPOLLIN, SAME, 40, 1, true},
};

static void act(struct story *s, const struct row *row, unsigned i)
{
	struct event event = story_event(s, EV_CALL, CALL_epoll_ctl, FD, 0);

	switch (row->habit) {
	case NOTHING:
		break;
	case SAME:
		story_mod(s, FD, row->mask);
		break;
	case SAME_AT_END:
		story_wait(s, FD, EPOLLIN | EPOLLERR | EPOLLHUP);
		story_mod(s, FD, row->mask);
		break;
	case TOGGLE:
		story_mod(s, FD, i % 2 ? EPOLLIN : EPOLLIN | EPOLLOUT);
		break;
	case OUT_AND_IN:
		story_del(s, FD);
		story_add(s, FD, row->mask);
		break;
	case OTHER_DATA:
		event.arg[0] = STORY_EPOLL;
		event.arg[1] = EPOLL_CTL_MOD;
		event.arg[2] = row->mask;
		event.arg[3] = 1000 + i;
		story_tell(s, event);
		break;
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		struct story s = story_new("redundant-ctl");

		print_message("   %s\n", rows[n].name);
		if (rows[n].ring)
			story_call(&s, CALL_io_uring_setup, -1, 20);
		story_conn(&s, 3, FD, rows[n].mask);
		for (unsigned i = 0; i < rows[n].events; i++) {
			story_wait(&s, FD, EPOLLIN);
			story_read(&s, FD, 10);
			if (i % rows[n].every == 0)
				act(&s, &rows[n], i);
		}
		if (rows[n].broken)
			assert_int_equal(assert_broken(&s, "redundant-ctl")->severity, SEVERITY_INFO);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* A listener that is paused and armed again, and connections taken out of one set and into another. */
static void test_other_sets(void **state)
{
	struct story s = story_new("redundant-ctl");

	(void)state;
	story_epoll(&s, 6);
	for (int i = 0; i < 30; i++) {
		story_conn(&s, 3 + i, FD, EPOLLIN);
		story_wait(&s, FD, EPOLLIN);
		story_del(&s, FD);
		s.epfd = 6;
		story_add(&s, FD, EPOLLIN);
		s.epfd = STORY_EPOLL;
		story_close(&s, FD);
		story_del(&s, STORY_LISTENER);
		story_add(&s, STORY_LISTENER, EPOLLIN);
	}
	assert_clean(&s);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_other_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
