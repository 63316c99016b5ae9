/* SPDX-License-Identifier: MIT */
/*
 * zombie-registration and close-ineffective.
 *
 *     target   dup(9) = 20 ── close(9) ── IN|HUP, IN|HUP, IN|HUP …
 *     child    (has fd 9 since fork)
 *     c3       asks ── is answered ── shuts down writing ── waits for the end
 */
#include "story.h"

#define ZOMBIE "zombie-registration"
#define HELD   "close-ineffective"
#define CHILD  101

struct zombie {
	const char *name;
	bool broken;
	unsigned reports; /* after the close */
	bool forked;	  /* a child holds it, else a dup */
	bool in_child;	  /* the child waits on the epoll it inherited */
	bool used;	  /* something is done with it between the reports, through the dup */
	bool deleted, injected, stopping;
};

static const struct zombie zombies[] = {
    {.name = "a dup keeps it", .broken = true, .reports = 3},
    {.name = "a child keeps it", .broken = true, .reports = 3, .forked = true},
    {.name = "twice may have been under way", .reports = 2},
    {.name = "taken out before", .reports = 0, .deleted = true},
    {.name = "served through the dup", .reports = 9, .used = true},
    {.name = "the child has the number", .reports = 9, .forked = true, .in_child = true},
    {.name = "reports of ours", .reports = 9, .injected = true},
    {.name = "stopping", .reports = 9, .stopping = true},
};

static void report(struct story *s, const struct zombie *zombie)
{
	const struct ready ready = {.data = 9, .events = EPOLLIN | EPOLLHUP, .fd = -1};
	struct event event = story_event(s, EV_CALL, CALL_epoll_wait, s->epfd, 1);

	event.data = &ready;
	event.size = sizeof(ready);
	event.flags = zombie->injected ? EVF_INJECTED : 0;
	story_sleep(s, STORY_FOREVER);
	story_tell(s, event);
	if (zombie->used)
		story_read(s, 20, 1);
}

static void test_zombies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(zombies) / sizeof(*zombies); i++) {
		const struct zombie *zombie = &zombies[i];
		struct story s = story_new(ZOMBIE);

		print_message("  %s\n", zombie->name);
		story_conn(&s, 3, 9, EPOLLIN);
		if (zombie->forked)
			story_fork(&s, CHILD, 0);
		else
			story_call(&s, CALL_dup, 9, 20);
		if (zombie->deleted)
			story_del(&s, 9);
		story_close(&s, 9);
		if (zombie->stopping)
			story_mark(&s, MARK_STOP);
		if (zombie->in_child)
			story_as(&s, CHILD, CHILD);
		for (unsigned k = 0; k < zombie->reports; k++)
			report(&s, zombie);
		if (zombie->broken)
			assert_int_equal(assert_broken(&s, ZOMBIE)->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

struct holding {
	const char *name;
	bool broken;
	uint64_t later;	   /* ms after the close */
	bool unseen;	   /* nobody is known to hold it */
	bool unserved;	   /* the parent only accepted it */
	bool passed_on;	   /* the child goes on with it */
	bool shut, unread; /* said that it is over; bytes are still on their way */
	enum peer_act act; /* of the peer after the close, 0 none */
};

static const struct holding holdings[] = {
    {.name = "a child holds it", .broken = true, .later = 1100},
    {.name = "something unseen holds it", .broken = true, .later = 1100, .unseen = true},
    {.name = "too early to say", .later = 900},
    {.name = "forked for this connection", .later = 1100, .unserved = true},
    {.name = "the child serves it", .later = 1100, .passed_on = true},
    {.name = "shut down before", .later = 1100, .shut = true},
    {.name = "the FIN waits behind bytes", .later = 1100, .unread = true},
    {.name = "the peer has seen the FIN", .later = 1100, .act = PEER_GOT_FIN},
    {.name = "the peer was reset", .later = 1100, .act = PEER_GOT_RST},
    {.name = "the peer is gone", .later = 1100, .act = PEER_FIN},
    {.name = "the peer vanished", .later = 1100, .act = PEER_VANISH},
};

static void serve(struct story *s, const struct holding *holding)
{
	story_conn(s, 3, 9, EPOLLIN);
	if (!holding->unserved) {
		story_read(s, 9, 100);
		story_write(s, 9, 64, 64);
		story_peer_args(s, 3, PEER_RECV, holding->unread ? 32 : 64, holding->unread ? 32 : 64, 0, 0);
	}
	story_peer(s, 3, PEER_HALF_CLOSE);
	if (!holding->unseen)
		story_fork(s, CHILD, 0);
	if (holding->shut)
		story_shutdown(s, 9, SHUT_WR);
	story_close(s, 9);
	if (holding->passed_on) {
		story_as(s, CHILD, CHILD);
		story_read(s, 9, 10);
		story_as(s, STORY_PID, STORY_PID);
	}
	if (holding->act)
		story_peer(s, 3, holding->act);
}

static void test_holdings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(holdings) / sizeof(*holdings); i++) {
		struct story s = story_new(HELD);

		print_message("  %s\n", holdings[i].name);
		serve(&s, &holdings[i]);
		story_later(&s, holdings[i].later * 1000);
		story_mark(&s, MARK_QUIET);
		story_peer(&s, 3, PEER_GONE);
		story_later(&s, 2000000);
		if (holdings[i].broken)
			assert_int_equal(assert_broken(&s, HELD)->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

static void test_messages(void **state)
{
	struct story s = story_new(HELD);

	(void)state;
	serve(&s, &holdings[0]);
	story_later(&s, 1500000);
	story_mark(&s, MARK_QUIET);
	assert_string_equal(
	    assert_broken(&s, HELD)->message,
	    "fd 9 (peer c3): closed, and 1.50 s later the peer has seen neither FIN nor RST; fd 9 of "
	    "process 101 holds it");
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_zombies),
	    cmocka_unit_test(test_holdings),
	    cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
