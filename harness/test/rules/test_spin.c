/* SPDX-License-Identifier: MIT */
/*
 * The five spins. Each row of the table is a loop of a server: what epoll reports for fd 9 each time round,
 * and what the server does about it; the rule it breaks, or none.
 */
#include "test/rules/story.h"

#define RULES "*-spin"
#define FD    9

#define IN    EPOLLIN
#define OUT   EPOLLOUT
#define PRI   EPOLLPRI
#define ERR   EPOLLERR
#define HUP   EPOLLHUP
#define RDHUP EPOLLRDHUP
#define ET    EPOLLET
#define ONE   EPOLLONESHOT

enum act {
	NOTHING,
	READ_BYTES,
	READ_END,
	READ_AGAIN,
	PEEK,
	WRITE_BYTES,
	WRITE_AGAIN,
	MOD_SAME,
	MOD_OTHER, /* and back with the next */
	DEL_ADD,
	ASK_ERROR,
	SHUT_WRITE,
	SERVE_OTHER, /* reads and writes on fd 8 */
	SPLICE_OUT,  /* splice from it into a pipe */
};

struct row {
	const char *name;
	uint32_t armed, reported;
	bool ended; /* a read gave 0 before */
	enum act act;
	unsigned every; /* the act is done each so many rounds, 0: never */
	unsigned rounds, us;
	const char *broken; /* NULL none */
};

static void act_do(struct story *s, const struct row *row)
{
	struct event event;

	switch (row->act) {
	case NOTHING:
		break;
	case READ_BYTES:
		story_read(s, FD, 1);
		break;
	case READ_END:
		story_read(s, FD, 0);
		break;
	case READ_AGAIN:
		story_read(s, FD, -EAGAIN);
		break;
	case PEEK:
		story_peek(s, FD, 1);
		break;
	case WRITE_BYTES:
		story_write(s, FD, 10, 10);
		break;
	case WRITE_AGAIN:
		story_write(s, FD, -EAGAIN, 10);
		break;
	case MOD_SAME:
		story_mod(s, FD, row->armed);
		break;
	case MOD_OTHER:
		story_mod(s, FD, row->armed | PRI);
		break;
	case DEL_ADD:
		story_del(s, FD);
		story_add(s, FD, row->armed);
		break;
	case ASK_ERROR:
		story_call(s, CALL_getsockopt, FD, 0);
		break;
	case SHUT_WRITE:
		story_shutdown(s, FD, SHUT_WR);
		break;
	case SERVE_OTHER:
		story_read(s, 8, 20);
		story_write(s, 8, 30, 30);
		break;
	case SPLICE_OUT:
		event = story_event(s, EV_CALL, CALL_splice, 20, 100);
		event.arg[0] = 4096;
		event.arg[2] = FD;
		story_tell(s, event);
		break;
	}
}

static void play(const struct row *row)
{
	struct story s = story_new(RULES);

	story_conn(&s, 2, 8, IN);
	story_conn(&s, 3, FD, 0);
	story_add(&s, FD, row->armed);
	story_wait(&s, FD, IN);
	story_read(&s, FD, 100);
	if (row->ended) {
		story_wait(&s, FD, IN | RDHUP);
		story_read(&s, FD, 0);
		story_write(&s, FD, 10, 10);
		if (row->armed & ONE)
			story_mod(&s, FD, row->armed);
	}
	for (unsigned i = 1; i <= row->rounds; i++) {
		story_loop(&s, 1, row->us, FD, row->reported);
		if (row->every && i % row->every == 0)
			act_do(&s, row);
		else if (row->act == MOD_OTHER)
			story_mod(&s, FD, row->armed);
	}
	if (row->broken) {
		const struct finding *finding = assert_broken(&s, row->broken);

		assert_int_equal(finding->fd, FD);
		assert_int_equal(finding->peer, 3);
		assert_non_null(strstr(finding->message, "fd 9 (peer c3): "));
		assert_true(finding->from < finding->at && finding->at <= finding->to);
	} else {
		assert_clean(&s);
	}
	story_free(&s);
}

#define GONE (IN | RDHUP | ERR | HUP)
#define FIN  (IN | RDHUP)

static const struct row rows[] = {
    /* hup-spin */
    {"reset, never touched", IN, GONE, false, NOTHING, 0, 200, 1000, "hup-spin"},
    {"reset, 199 times", IN, GONE, false, NOTHING, 0, 199, 1000, NULL},
    {"reset, 199 a second for ten seconds", IN, GONE, false, NOTHING, 0, 1990, 5050, NULL},
    {"reset, 250 a second", IN, GONE, false, NOTHING, 0, 400, 4000, "hup-spin"},
    {"HUP with an empty mask", 0, HUP, false, NOTHING, 0, 300, 100, "hup-spin"},
    {"armed again with the same mask", IN, GONE, false, MOD_SAME, 1, 300, 100, "hup-spin"},
    {"the interest really changes", IN, GONE, false, MOD_OTHER, 2, 600, 100, NULL},
    {"taken out and put in again", IN, GONE, false, DEL_ADD, 1, 300, 100, NULL},
    {"other connections served in between", IN, GONE, false, SERVE_OTHER, 1, 300, 100, "hup-spin"},
    {"asked for its error each time", IN, GONE, false, ASK_ERROR, 1, 300, 100, "hup-spin"},
    {"read now and then", IN, GONE, false, READ_AGAIN, 150, 600, 100, NULL},
    {"a short one that ends by progress", IN, GONE, false, READ_BYTES, 100, 600, 100, NULL},
    {"one-shot, armed again each time", IN | ONE, GONE, false, MOD_SAME, 1, 300, 100, "hup-spin"},
    {"edge, armed again each time", IN | ET, GONE, false, MOD_SAME, 1, 300, 100, "hup-spin"},
    {"edge, new edges", IN | ET, GONE, false, NOTHING, 0, 1000, 100, NULL},
    /* eof-spin */
    {"end read, never touched again", IN, FIN, true, NOTHING, 0, 200, 1000, "eof-spin"},
    {"end read, 199 times", IN, FIN, true, NOTHING, 0, 199, 1000, NULL},
    {"end read over and over", IN, FIN, true, READ_END, 1, 300, 100, "eof-spin"},
    {"end read over and over, with HUP", IN, FIN | HUP, true, READ_END, 1, 300, 100, "eof-spin"},
    {"end peeked at over and over", IN, IN, true, ASK_ERROR, 1, 300, 100, "eof-spin"},
    {"the answer goes on", IN | OUT, FIN | OUT, true, WRITE_BYTES, 1, 1000, 100, NULL},
    {"half of the answer, then a spin", IN, FIN, true, WRITE_BYTES, 400, 700, 100, "eof-spin"},
    {"RDHUP alone, nobody reads", RDHUP, RDHUP, false, NOTHING, 0, 300, 100, "eof-spin"},
    {"end read, edge", IN | ET, FIN, true, NOTHING, 0, 1000, 100, NULL},
    {"end read, one-shot", IN | ONE, FIN, true, MOD_SAME, 1, 300, 100, "eof-spin"},
    /* readable-spin */
    {"bytes, never read", IN, IN, false, NOTHING, 0, 200, 1000, "readable-spin"},
    {"bytes, 199 times", IN, IN, false, NOTHING, 0, 199, 1000, NULL},
    {"bytes, peeked at", IN, IN, false, PEEK, 1, 300, 100, "readable-spin"},
    {"bytes, asked for its error", IN, IN, false, ASK_ERROR, 1, 300, 100, "readable-spin"},
    {"a dripping peer", IN, IN, false, READ_BYTES, 1, 2000, 100, NULL},
    {"a dripping peer, edge, reader paused", IN | ET, IN, false, NOTHING, 0, 2000, 100, NULL},
    {"answered while more waits", IN | OUT, IN | OUT, false, WRITE_BYTES, 1, 1000, 100, NULL},
    {"spliced away", IN, IN, false, SPLICE_OUT, 1, 1000, 100, NULL},
    {"IN and OUT, neither done", IN | OUT, IN | OUT, false, NOTHING, 0, 300, 100, "readable-spin"},
    /* writable-spin */
    {"nothing to write", IN | OUT, OUT, false, NOTHING, 0, 200, 1000, "writable-spin"},
    {"nothing to write, 199 times", IN | OUT, OUT, false, NOTHING, 0, 199, 1000, NULL},
    {"nothing to write, reads are no excuse", IN | OUT, OUT, false, READ_BYTES, 10, 300, 100,
     "writable-spin"},
    {"writes all the time", IN | OUT, OUT, false, WRITE_BYTES, 1, 1000, 100, NULL},
    {"OUT with edge", IN | OUT | ET, OUT, false, NOTHING, 0, 1000, 100, NULL},
    {"shuts down now and then", OUT, OUT, false, SHUT_WRITE, 150, 600, 100, NULL},
    /* urgent-spin */
    {"urgent byte", IN | PRI, PRI, false, NOTHING, 0, 200, 1000, "urgent-spin"},
    {"urgent byte, OUT beside it", IN | PRI | OUT, PRI | OUT, false, NOTHING, 0, 200, 1000, "urgent-spin"},
    {"urgent byte, 199 times", IN | PRI, PRI, false, NOTHING, 0, 199, 1000, NULL},
    {"urgent bytes, each read", IN | PRI, PRI, false, READ_AGAIN, 100, 600, 100, NULL},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("   %s\n", rows[i].name);
		play(&rows[i]);
	}
}

/* The finding's count is the whole row, long past the moment it became a finding. */
static void test_count_and_stretch(void **state)
{
	struct story s = story_new(RULES);
	const struct finding *finding;

	(void)state;
	story_conn(&s, 3, FD, IN);
	story_at(&s, 100);
	story_loop(&s, 4112, 200, FD, GONE);
	story_close(&s, FD);
	finding = assert_broken(&s, "hup-spin");
	assert_int_equal(finding->count, 4112);
	assert_int_equal(finding->from, 100 * NS_PER_MS + STORY_STEP);
	assert_in_range(finding->at, 139 * NS_PER_MS, 141 * NS_PER_MS);
	assert_in_range(finding->to, 922 * NS_PER_MS, 923 * NS_PER_MS);
	assert_int_equal(finding->severity, SEVERITY_ERROR);
	assert_int_equal(finding->pid, STORY_PID);
	assert_string_equal(finding->message,
			    "fd 9 (peer c3): IN|RDHUP|ERR|HUP reported 4112 times in 0.82 s, no "
			    "call on it in between");
	story_free(&s);
}

/* poll and select have no registration: the file is the key, a changed question is a changed interest. */
static void test_poll(void **state)
{
	static const struct {
		enum call call;
		uint32_t asked, other, reported;
		const char *broken;
	} cases[] = {
	    {CALL_poll, IN, IN, HUP | IN, "hup-spin"},
	    {CALL_ppoll, IN | OUT, IN | OUT, OUT, "writable-spin"},
	    {CALL_select, IN, IN, IN, "readable-spin"},
	    {CALL_pselect6, PRI, PRI, PRI, "urgent-spin"},
	    {CALL_poll, IN | OUT, IN | OUT | PRI, OUT, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct story s = story_new(RULES);

		story_conn(&s, 3, FD, 0);
		for (unsigned n = 0; n < 300; n++)
			story_poll(&s, cases[i].call, FD, n % 2 ? cases[i].asked : cases[i].other,
				   cases[i].reported);
		if (cases[i].broken)
			assert_int_equal(assert_broken(&s, cases[i].broken)->fd, FD);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/*
 *   thread 101: epoll_wait ── epoll_wait ── …        the same registration, reported to both
 *   thread 102:         read ────────── read ── …    only one of them does the work
 */
static void test_another_thread_works(void **state)
{
	struct story s = story_new(RULES);

	(void)state;
	story_conn(&s, 3, FD, IN);
	story_fork(&s, 102, 0x10f00 /* CLONE_THREAD and what goes with it */);
	for (unsigned i = 0; i < 1000; i++) {
		story_as(&s, STORY_PID, STORY_PID);
		story_wait(&s, FD, IN);
		story_as(&s, STORY_PID, 102);
		story_read(&s, FD, 10);
	}
	assert_clean(&s);
	story_free(&s);
}

/* Two processes, each with its own epoll on one listener: A accepts, B is woken for nothing and does not even
 * try. */
static void test_herd_of_processes(void **state)
{
	struct story s = story_new(RULES);

	(void)state;
	story_fork(&s, 200, 0);
	story_as(&s, 200, 200);
	story_epoll(&s, 6);
	s.epfd = 6;
	story_add(&s, STORY_LISTENER, IN);
	for (unsigned i = 0; i < 400; i++) {
		story_as(&s, 200, 200);
		s.epfd = 6;
		story_wait(&s, STORY_LISTENER, IN);
		story_as(&s, STORY_PID, STORY_PID);
		s.epfd = STORY_EPOLL;
		story_wait(&s, STORY_LISTENER, IN);
		story_accept(&s, STORY_LISTENER, FD, 0);
		story_close(&s, FD);
	}
	assert_clean(&s);
	story_free(&s);
}

/* epoll_wait names registrations by their data alone: two with the same data cannot be told apart, and nobody
 * is blamed. */
static void test_same_data(void **state)
{
	struct story s = story_new(RULES);
	struct event event;

	(void)state;
	story_conn(&s, 3, FD, IN);
	story_conn(&s, 4, 10, 0);
	event = story_event(&s, EV_CALL, CALL_epoll_ctl, 10, 0);
	event.arg[0] = STORY_EPOLL;
	event.arg[1] = EPOLL_CTL_ADD;
	event.arg[2] = IN;
	event.arg[3] = FD;
	story_tell(&s, event);
	for (unsigned i = 0; i < 400; i++) {
		story_wait(&s, FD, IN);
		story_read(&s, i % 2 ? FD : 10, 5);
		story_wait(&s, FD, IN);
	}
	story_loop(&s, 400, 100, FD, IN);
	assert_clean(&s);
	story_free(&s);
}

/* An eventfd: edge-triggered and never read is a wakeup done right; level-triggered and never read is a spin.
 */
static void test_eventfd(void **state)
{
	static const struct {
		uint32_t armed;
		bool written;
		const char *broken;
	} cases[] = {{IN | ET, true, NULL}, {IN, true, NULL}, {IN, false, "readable-spin"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct story s = story_new(RULES);

		story_call(&s, CALL_eventfd2, -1, 7);
		story_add(&s, 7, cases[i].armed);
		for (unsigned n = 0; n < 300; n++) {
			if (cases[i].written)
				story_write(&s, 7, 8, 8);
			story_wait(&s, 7, IN);
		}
		if (cases[i].broken)
			assert_int_equal(assert_broken(&s, cases[i].broken)->fd, 7);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* Nobody accepts (a server that has what it may hold, and leaves the listener in its set): it is said so. */
static void test_listener_left(void **state)
{
	struct story s = story_new(RULES);
	const struct finding *finding;

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		story_wait(&s, STORY_LISTENER, IN);
	finding = assert_broken(&s, "readable-spin");
	assert_int_equal(finding->fd, STORY_LISTENER);
	assert_non_null(strstr(finding->message, "listener fd 4: IN reported 300 times"));
	assert_non_null(strstr(finding->message, "no accept in between"));
	story_free(&s);
}

/* A ring's completions are taken from shared memory, an inner epoll by waiting on it: neither is ever read.
 */
static void test_ring_and_inner_epoll(void **state)
{
	struct story s = story_new(RULES);

	(void)state;
	story_call(&s, CALL_io_uring_setup, -1, 7);
	story_add(&s, 7, IN);
	story_epoll(&s, 6);
	story_add(&s, 6, IN);
	for (unsigned i = 0; i < 400; i++) {
		story_wait2(&s, 7, IN, 6, IN);
		s.epfd = 6;
		story_wait_none(&s, 0);
		s.epfd = STORY_EPOLL;
	}
	assert_clean(&s);
	story_free(&s);
}

enum answer { NO_ANSWER, CALL_READS, RING_READS, RING_READS_END, RING_CANCELS };

/* One round of a loop on a ring: the poll is armed, unless it is `kept`, reports, and something is done about
 * it. */
static void ring_round(struct story *s, uint64_t number, bool kept, uint32_t mask, enum answer answer)
{
	struct ring_entry poll = story_request(OP_POLL_ADD, kept ? 1 : number);
	struct ring_entry other =
	    story_request(answer == RING_CANCELS ? OP_ASYNC_CANCEL : OP_RECV, number + 1);

	poll.length = IN | OUT;
	poll.extra = kept;
	other.length = 4096;
	if (!kept || number == 1)
		story_submit(s, FD, &poll);
	story_complete(s, FD, poll, mask, kept ? RING_F_MORE : 0);
	if (answer == CALL_READS)
		story_read(s, FD, 1);
	if (answer == NO_ANSWER || answer == CALL_READS)
		return;
	story_submit(s, FD, &other);
	story_complete(s, FD, other, answer == RING_READS, 0);
}

/* A poll of a ring that is armed again and again on what nobody does anything about is the same loop. */
static void test_polls_of_a_ring(void **state)
{
	static const struct {
		const char *broken;
		uint32_t mask;
		enum answer answer;
		bool kept;
	} loops[] = {
	    {"hup-spin", GONE, NO_ANSWER, false},
	    {"readable-spin", IN, NO_ANSWER, false},
	    {"writable-spin", OUT, NO_ANSWER, false},
	    {NULL, IN, CALL_READS, false},
	    {NULL, IN, RING_READS, false},
	    {NULL, IN | RDHUP, RING_READS_END, false}, /* uring-error-resubmit says so */
	    {NULL, ERR | HUP, RING_CANCELS, false},
	    {NULL, IN, NO_ANSWER, true}, /* a drip: each report is news */
	};

	(void)state;
	for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
		struct story s = story_new(RULES);

		print_message("%s\n", loops[i].broken ? loops[i].broken : "clean");
		story_call(&s, CALL_io_uring_setup, -1, STORY_RING);
		story_conn(&s, 3, FD, 0);
		for (uint64_t round = 0; round < 400; round++)
			ring_round(&s, 1 + 2 * round, loops[i].kept, loops[i].mask, loops[i].answer);
		if (loops[i].broken)
			(void)assert_broken(&s, loops[i].broken);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* What wringer itself invents, and what a target does that was told to stop, is not held against it. */
static void test_not_its_fault(void **state)
{
	const struct ready ready = {.data = FD, .events = IN, .fd = -1};
	struct story s = story_new(RULES);
	struct event event;

	(void)state;
	story_conn(&s, 3, FD, IN);
	for (unsigned i = 0; i < 400; i++) {
		event = story_event(&s, EV_CALL, CALL_epoll_wait, STORY_EPOLL, 1);
		event.flags = EVF_INJECTED;
		event.data = &ready;
		event.size = sizeof(ready);
		story_tell(&s, event);
	}
	story_mark(&s, MARK_STOP);
	story_loop(&s, 400, 100, FD, GONE);
	assert_clean(&s);
	story_free(&s);
}

/* --time-scale 4: a slow machine gets four seconds for its 200 reports, on both sides of the limit. */
static void test_time_scale(void **state)
{
	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		struct story s = story_judged(RULES, slow ? 4 : 1);

		story_ready(&s);
		story_conn(&s, 3, FD, IN);
		story_loop(&s, 400, 10000, FD, GONE);
		if (slow)
			assert_broken(&s, "hup-spin");
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* A number given to a new connection does not inherit the row of the old one. */
static void test_number_used_again(void **state)
{
	struct story s = story_new(RULES);

	(void)state;
	for (int32_t peer = 1; peer <= 5; peer++) {
		story_conn(&s, peer, FD, IN);
		story_loop(&s, 150, 100, FD, GONE);
		story_close(&s, FD);
	}
	assert_clean(&s);
	story_free(&s);
}

/* Two connections spin: two findings, each with its own peer. */
static void test_two_spinners(void **state)
{
	struct story s = story_new(RULES);
	const struct finding *findings;
	size_t count;

	(void)state;
	story_conn(&s, 3, FD, IN);
	story_conn(&s, 4, 10, IN);
	for (unsigned i = 0; i < 300; i++)
		story_wait2(&s, FD, GONE, 10, GONE);
	story_end(&s);
	findings = judge_findings(s.judge, &count);
	assert_int_equal(count, 2);
	assert_int_equal(findings[0].peer + findings[1].peer, 7);
	assert_int_equal(findings[0].count, 300);
	assert_int_equal(findings[1].count, 300);
	story_free(&s);
}

/* A spin before the watcher lost calls convicts; one behind that may be no spin at all, and is a note. */
static void test_lost_calls(void **state)
{
	(void)state;
	for (int before = 0; before < 2; before++) {
		struct story s = story_new(RULES);
		const struct finding *findings;
		size_t count;

		story_conn(&s, 3, FD, IN);
		if (before)
			story_loop(&s, 300, 100, FD, GONE);
		story_tell(&s, story_event(&s, EV_PROC, PROC_LOST, -1, 7));
		if (!before)
			story_loop(&s, 300, 100, FD, GONE);
		story_end(&s);
		findings = judge_findings(s.judge, &count);
		assert_int_equal(count, 1);
		assert_int_equal(findings[0].severity, before ? SEVERITY_ERROR : SEVERITY_INFO);
		assert_int_equal(!!strstr(findings[0].message, "7 of the target's calls were not seen"),
				 !before);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_count_and_stretch),
	    cmocka_unit_test(test_poll),
	    cmocka_unit_test(test_another_thread_works),
	    cmocka_unit_test(test_herd_of_processes),
	    cmocka_unit_test(test_same_data),
	    cmocka_unit_test(test_listener_left),
	    cmocka_unit_test(test_eventfd),
	    cmocka_unit_test(test_ring_and_inner_epoll),
	    cmocka_unit_test(test_polls_of_a_ring),
	    cmocka_unit_test(test_not_its_fault),
	    cmocka_unit_test(test_time_scale),
	    cmocka_unit_test(test_number_used_again),
	    cmocka_unit_test(test_two_spinners),
	    cmocka_unit_test(test_lost_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
