/* SPDX-License-Identifier: MIT */
/*
 * uring-close-in-flight and uring-multishot-twice.
 *
 *     target  ring 6: RECV(9) #1 ── close(9) ────────── 0.2 s ── #1 neither completed nor cancelled
 *             ring 6: ACCEPT(4) #1 ── F_MORE ── ACCEPT(4) #2 ── 0.2 s ── #1 is there still
 */
#include "story.h"
#include <poll.h>

#define CLOSED "uring-close-in-flight"
#define TWICE  "uring-multishot-twice"

enum { MULTI_ACCEPT = 1, MULTI_RECEIVE = 2 };

static struct ring_entry receive(uint64_t request)
{
	struct ring_entry entry = story_request(OP_RECV, request);

	entry.ioprio = MULTI_RECEIVE;
	return entry;
}

static struct ring_entry accepting(uint64_t request)
{
	struct ring_entry entry = story_request(OP_ACCEPT, request);

	entry.ioprio = MULTI_ACCEPT;
	return entry;
}

static struct ring_entry cancel(uint64_t request, uint64_t user_data, uint32_t flags)
{
	struct ring_entry entry = story_request(OP_ASYNC_CANCEL, request);

	entry.extra = user_data;
	entry.op_flags = flags;
	return entry;
}

static struct story begin(void)
{
	struct story s = story_new(NULL);

	story_mark(&s, MARK_FAULT);
	story_conn(&s, 3, 9, 0);
	return s;
}

/* The target sleeps, and something else happens. */
static void pass(struct story *s, uint64_t us)
{
	struct event event = story_event(s, EV_ENTER, CALL_io_uring_enter, STORY_RING, 0);

	event.arg[1] = STORY_FOREVER;
	story_tell(s, event);
	story_later(s, us);
	story_mark(s, MARK_NOTE);
}

struct closing {
	const char *name;
	const char *broken;
	bool ended, cancelled, by_fd, late_cancel, shut, sends, hidden, told_to_stop, soon, sync, by_ring;
};

static const struct closing closings[] = {
    {.name = "nothing done", .broken = CLOSED},
    {.name = "through the ring", .broken = CLOSED, .by_ring = true},
    {.name = "it had ended", .ended = true},
    {.name = "cancelled by user_data", .cancelled = true},
    {.name = "cancelled by fd", .cancelled = true, .by_fd = true},
    {.name = "cancelled after the close", .late_cancel = true},
    {.name = "cancelled by a call", .sync = true},
    {.name = "shut down before", .shut = true},
    {.name = "a send", .sends = true},
    {.name = "entries were lost", .hidden = true},
    {.name = "completed soon after", .soon = true},
    {.name = "asked to stop", .told_to_stop = true},
};

static void before_close(struct story *s, const struct closing *c, const struct ring_entry *entry)
{
	struct ring_entry stop = cancel(2, 1, 0);

	story_submit(s, 9, entry);
	if (c->ended)
		story_complete(s, 9, *entry, 0, 0);
	if (c->cancelled) {
		stop = c->by_fd ? cancel(2, 0, 3) : stop;
		story_submit(s, c->by_fd ? 9 : -1, &stop);
	}
	if (c->sync) {
		struct event event = story_event(s, EV_CALL, CALL_io_uring_register, STORY_RING, 0);

		event.arg[0] = 24;
		story_tell(s, event);
	}
	if (c->shut)
		story_shutdown(s, 9, SHUT_RDWR);
}

static void test_closing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof closings / sizeof *closings; i++) {
		const struct closing *c = &closings[i];
		struct ring_entry entry = c->sends ? story_request(OP_SEND, 1) : receive(1);
		struct ring_entry stop = cancel(3, 1, 0), closes = story_request(OP_CLOSE, 4);
		struct story s = begin();

		before_close(&s, c, &entry);
		if (c->by_ring) {
			story_submit(&s, 9, &closes);
			story_complete(&s, 9, closes, 0, 0);
		} else {
			story_close(&s, 9);
		}
		if (c->late_cancel)
			story_submit(&s, -1, &stop);
		if (c->soon || c->shut)
			story_complete(&s, 9, entry, c->shut ? 0 : -ECONNRESET, 0);
		if (c->hidden)
			story_entry(&s, RING_LOST, STORY_RING, 3, &(struct ring_entry){.ring = STORY_RING},
				    NULL, 0);
		if (c->told_to_stop)
			story_mark(&s, MARK_STOP);
		pass(&s, 200000);
		if (c->broken && !story_finding(&s, c->broken))
			fail_msg("%s: not broken", c->name);
		if (!c->broken && story_findings(&s))
			fail_msg("%s: broken", c->name);
		story_free(&s);
	}
}

struct arming {
	const char *name;
	const char *broken;
	bool more, told, shot, other_ring, late_end;
};

static const struct arming armings[] = {
    {.name = "it went on", .broken = TWICE, .more = true},
    {.name = "it has not completed yet", .broken = TWICE},
    {.name = "it had ended", .shot = true},
    {.name = "its end was seen late", .more = true, .late_end = true},
    {.name = "cancelled before", .more = true, .told = true},
    {.name = "another ring", .more = true, .other_ring = true},
};

static void test_arming(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof armings / sizeof *armings; i++) {
		const struct arming *a = &armings[i];
		struct ring_entry first = accepting(1), second = accepting(2), stop = cancel(3, 1, 0);
		struct story s = begin();

		story_submit(&s, STORY_LISTENER, &first);
		if (a->more)
			story_complete(&s, STORY_LISTENER, first, 10, RING_F_MORE);
		if (a->shot)
			story_complete(&s, STORY_LISTENER, first, -EMFILE, 0);
		if (a->told)
			story_submit(&s, -1, &stop);
		if (a->other_ring)
			second.ring = STORY_RING + 1;
		story_submit(&s, STORY_LISTENER, &second);
		if (a->late_end)
			story_complete(&s, STORY_LISTENER, first, -ENOMEM, 0);
		pass(&s, 200000);
		if (a->broken)
			(void)assert_broken(&s, a->broken);
		else if (story_findings(&s))
			fail_msg("%s: broken", a->name);
		story_free(&s);
	}
}

/* Two polls for different events stand side by side, two for the same do not. */
static void test_polls(void **state)
{
	(void)state;
	for (int same = 0; same < 2; same++) {
		struct ring_entry in = story_request(OP_POLL_ADD, 1), other = story_request(OP_POLL_ADD, 2);
		struct story s = begin();

		in.extra = other.extra = 1;
		in.length = POLLIN;
		other.length = same ? POLLIN : POLLOUT;
		story_submit(&s, 9, &in);
		story_submit(&s, 9, &other);
		pass(&s, 200000);
		if (same)
			(void)assert_broken(&s, TWICE);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

static void test_message(void **state)
{
	struct ring_entry entry = receive(7);
	const struct finding *finding;
	struct story s = begin();

	(void)state;
	story_submit(&s, 9, &entry);
	story_close(&s, 9);
	pass(&s, 200000);
	finding = assert_broken(&s, CLOSED);
	assert_string_equal(finding->message,
			    "fd 9 (peer c3): closed while RECV (request 7) was in flight; 0.10 s later it is "
			    "neither completed nor cancelled, and holds the socket open");
	assert_int_equal(finding->peer, 3);
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_closing),
	    cmocka_unit_test(test_arming),
	    cmocka_unit_test(test_polls),
	    cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
