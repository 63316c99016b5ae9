/* SPDX-License-Identifier: MIT */
/*
 * herd: workers with an epoll instance each, one listener in all of them; rounds in which so many are woken.
 *
 *     worker 200  epoll 5 ─┐
 *     worker 201  epoll 5 ─┼─ listener fd 4
 *     worker 202  epoll 5 ─┘
 */
#include "story.h"

#define WORKERS 4

struct row {
	const char *name;
	bool broken;
	uint32_t mask;	 /* the listener is registered for */
	unsigned woken;	 /* in each round, the first of them accepts */
	unsigned queued; /* connections in each round */
	unsigned rounds;
	bool injected;
};

static const struct row rows[] = {
    {"all woken for one", true, EPOLLIN, 4, 1, 10, false},
    {"three woken for one", true, EPOLLIN, 3, 1, 10, false},
    {"one woken for one", false, EPOLLIN, 1, 1, 40, false},
    {"two woken for one", false, EPOLLIN, 2, 1, 40, false},
    {"all woken for four", false, EPOLLIN, 4, 4, 40, false},
    {"a few rounds", false, EPOLLIN, 4, 1, 5, false},
    {"EPOLLEXCLUSIVE", false, EPOLLIN | EPOLLEXCLUSIVE, 4, 1, 20, false},
    {"woken by us", false, EPOLLIN, 4, 1, 20, true},
};

static void wake(struct story *s, bool injected)
{
	const struct ready ready = {.data = STORY_LISTENER, .events = EPOLLIN, .fd = -1};
	struct event event = story_event(s, EV_CALL, CALL_epoll_wait, s->epfd, 1);

	event.flags = injected ? EVF_INJECTED : 0;
	event.arg[1] = STORY_FOREVER;
	event.data = &ready;
	event.size = sizeof(ready);
	story_sleep(s, STORY_FOREVER);
	story_tell(s, event);
}

static void play_round(struct story *s, const struct row *row, unsigned round)
{
	for (unsigned i = 0; i < row->woken; i++) {
		int32_t worker = (int32_t)(200 + (round + i) % WORKERS);

		story_as(s, worker, worker);
		wake(s, row->injected);
		if (i < row->queued) {
			story_accept(s, STORY_LISTENER, 9, (uint16_t)(41000 + round * WORKERS + i));
			story_close(s, 9);
		}
		story_accept(s, STORY_LISTENER, -EAGAIN, 0); /* as loops do, after success too */
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		struct story s = story_new("herd");

		print_message("   %s\n", rows[n].name);
		story_del(&s, STORY_LISTENER);
		for (int32_t worker = 200; worker < 200 + WORKERS; worker++) {
			story_as(&s, STORY_PID, STORY_PID);
			story_fork(&s, worker, 0);
			story_as(&s, worker, worker);
			story_close(&s, STORY_EPOLL);
			story_epoll(&s, STORY_EPOLL);
			story_add(&s, STORY_LISTENER, rows[n].mask);
		}
		for (unsigned round = 0; round < rows[n].rounds; round++)
			play_round(&s, &rows[n], round);
		if (rows[n].broken)
			(void)assert_broken(&s, "herd");
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* One process that is told of connections which are gone again. */
static void test_one_process(void **state)
{
	struct story s = story_new("herd");

	(void)state;
	for (int i = 0; i < 40; i++) {
		story_wait(&s, STORY_LISTENER, EPOLLIN);
		story_accept(&s, STORY_LISTENER, -EAGAIN, 0);
	}
	assert_clean(&s);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_one_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
