/* SPDX-License-Identifier: MIT */
/*
 * uring-error-resubmit and uring-multishot-lost.
 *
 *     target  ring 6: RECV(9) = 0 ── RECV(9) = 0 ── …  60 times in 0.1 s
 *             ring 6: ACCEPT(4) = -EMFILE, no F_MORE ………… QUIET: connections wait, fds are free
 */
#include "story.h"

#define AGAIN "uring-error-resubmit"
#define LOST  "uring-multishot-lost"

struct row {
	const char *name;
	const char *broken;
	enum ring_op op;
	int64_t ret;
	unsigned times;
	unsigned success_each; /* every so many requests one succeeds */
	bool fed;	       /* others get buffers meanwhile */
	uint64_t apart;	       /* us */
};

static const struct row rows[] = {
    {.name = "the end", .broken = AGAIN, .op = OP_RECV, .ret = 0, .times = 60, .apart = 1000},
    {.name = "reset", .broken = AGAIN, .op = OP_RECV, .ret = -ECONNRESET, .times = 60, .apart = 1000},
    {.name = "no fds", .broken = AGAIN, .op = OP_ACCEPT, .ret = -EMFILE, .times = 60, .apart = 1000},
    {.name = "no buffers", .broken = AGAIN, .op = OP_RECV, .ret = -ENOBUFS, .times = 60, .apart = 1000},
    {.name = "not often enough", .op = OP_RECV, .ret = 0, .times = 40, .apart = 1000},
    {.name = "with pauses", .op = OP_ACCEPT, .ret = -EMFILE, .times = 60, .apart = 100000},
    {.name = "it works now and then",
     .op = OP_ACCEPT,
     .ret = -EMFILE,
     .times = 100,
     .success_each = 20,
     .apart = 1000},
    {.name = "cancelled", .op = OP_RECV, .ret = -ECANCELED, .times = 60, .apart = 1000},
    {.name = "others got the buffers",
     .op = OP_RECV,
     .ret = -ENOBUFS,
     .times = 60,
     .fed = true,
     .apart = 1000},
};

static void tell_row(struct story *s, const struct row *row)
{
	int32_t fd = row->op == OP_ACCEPT ? STORY_LISTENER : 9;

	for (unsigned i = 1; i <= row->times; i++) {
		struct ring_entry entry = story_request(row->op, i), other = story_request(OP_RECV, 1000 + i);
		bool works = row->success_each && i % row->success_each == 0;

		story_submit(s, fd, &entry);
		if (row->fed) {
			story_submit(s, 10, &other);
			story_complete(s, 10, other, 100, RING_F_BUFFER);
		}
		story_complete(s, fd, entry, works ? 20 : row->ret, 0);
		story_later(s, row->apart);
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct story s = story_new(AGAIN);

		story_mark(&s, MARK_FAULT);
		story_conn(&s, 3, 9, 0);
		story_conn(&s, 4, 10, 0);
		tell_row(&s, &rows[i]);
		if (rows[i].broken)
			(void)assert_broken(&s, rows[i].broken);
		else if (story_findings(&s))
			fail_msg("%s: broken", rows[i].name);
		story_free(&s);
	}
}

struct ending {
	const char *name;
	const char *broken;
	bool listener;
	int64_t ret;
	uint32_t cqe_flags;
	uint64_t waiting, unacked;
	bool rearmed, short_of_fds, hidden;
};

static const struct ending endings[] = {
    {.name = "accept without fds", .broken = LOST, .listener = true, .ret = -EMFILE, .waiting = 2},
    {.name = "no buffers", .broken = LOST, .ret = -ENOBUFS, .waiting = 100},
    {.name = "the queue was full", .broken = LOST, .ret = 50, .waiting = 100},
    {.name = "it goes on", .ret = 50, .cqe_flags = RING_F_MORE, .waiting = 100},
    {.name = "armed again", .listener = true, .ret = -EMFILE, .waiting = 2, .rearmed = true},
    {.name = "nobody waits", .listener = true, .ret = -EMFILE},
    {.name = "no fds are free", .listener = true, .ret = -EMFILE, .waiting = 2, .short_of_fds = true},
    {.name = "cancelled", .ret = -ECANCELED, .waiting = 100},
    {.name = "back-pressure", .ret = -ECANCELED, .waiting = 100, .unacked = 5000},
    {.name = "back-pressure after a shortage", .ret = -ENOBUFS, .waiting = 100, .unacked = 5000},
    {.name = "entries were lost", .broken = LOST, .ret = -ENOBUFS, .waiting = 100, .hidden = true},
};

static void sleep_in_ring(struct story *s)
{
	struct event event = story_event(s, EV_ENTER, CALL_io_uring_enter, STORY_RING, 0);

	event.arg[0] = 1;
	event.arg[1] = STORY_FOREVER;
	story_tell(s, event);
}

static void tell_ending(struct story *s, const struct ending *e)
{
	int32_t fd = e->listener ? STORY_LISTENER : 9;
	struct ring_entry entry = story_request(e->listener ? OP_ACCEPT : OP_RECV, 1);
	struct ring_entry next = story_request(e->listener ? OP_ACCEPT : OP_RECV, 2);

	entry.ioprio = e->listener ? 1 : 2;
	story_submit(s, fd, &entry);
	story_complete(s, fd, entry, e->ret, e->cqe_flags);
	if (e->rearmed)
		story_submit(s, fd, &next);
	if (e->hidden)
		story_entry(s, RING_LOST, STORY_RING, 3, &(struct ring_entry){.ring = STORY_RING}, NULL, 0);
	sleep_in_ring(s);
	story_later(s, 4000000);
	story_mark(s, MARK_QUIET);
	for (int round = 0; round < 2; round++) {
		story_probe(s, PROBE_THREAD, -1, 'S', CALL_io_uring_enter, 0, 0);
		story_probe(s, PROBE_PROCESS, -1, e->short_of_fds ? 64 : 12, 0, 0, 64);
		story_probe(s, e->listener ? PROBE_LISTENER : PROBE_SOCKET, fd, e->waiting,
			    e->listener ? 128 : e->unacked, EPOLLIN, 1);
		story_later(s, 4000000);
	}
	story_mark(s, MARK_STOP);
}

static void test_endings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		struct story s = story_judged(LOST, 1);
		const struct finding *finding;

		story_tell(&s, story_event(&s, EV_PROC, PROC_START, -1, 0));
		story_listen(&s, STORY_LISTENER, STORY_PORT, 128);
		story_mark(&s, MARK_READY);
		story_mark(&s, MARK_FAULT);
		story_conn(&s, 3, 9, 0);
		tell_ending(&s, &endings[i]);
		finding = endings[i].broken ? story_finding(&s, endings[i].broken) : NULL;
		if (endings[i].broken && !finding)
			fail_msg("%s: not broken", endings[i].name);
		if (finding && (finding->severity == SEVERITY_INFO) != endings[i].hidden)
			fail_msg("%s: wrong severity", endings[i].name);
		if (!endings[i].broken && story_findings(&s))
			fail_msg("%s: broken", endings[i].name);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_endings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
