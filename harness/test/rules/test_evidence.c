/* SPDX-License-Identifier: MIT */
/*
 * Evidence: a story is written to a real journal file, judged, and the lines that prove the finding are
 * compared word by word; then strands alone, and files that are not journals.
 */
#include "test/rules/story.h"
#include <stdlib.h>
#include <unistd.h>
#include "rules/strand.h"

#define FD    9
#define GONE  (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)
#define AFTER (EPOLLIN | EPOLLRDHUP | EPOLLHUP)
#define DOTS  "\xe2\x80\xa6"

static char path[64];

static int make_path(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/wringer-evidence-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int drop_path(void **state)
{
	(void)state;
	return unlink(path);
}

static struct story recorded(const char *rules)
{
	struct story s = story_judged(rules, 1);

	story_record(&s, path);
	story_ready(&s);
	return s;
}

/* Ends the story, closes its journal and collects for its first finding. */
static struct evidence_list collect(struct story *s, size_t most)
{
	struct evidence_list list = {0};
	struct error error = {0};
	const struct finding *findings;
	size_t count;

	story_end(s);
	journal_free(s->journal);
	s->journal = NULL;
	findings = judge_findings(s->judge, &count);
	assert_int_not_equal(count, 0);
	if (evidence_collect(path, findings, 1, most, &list, &error) != 0)
		fail_msg("%s", error.text);
	assert_true(list.count <= most);
	for (size_t i = 1; i < list.count; i++)
		assert_true(list.lines[i - 1].at <= list.lines[i].at);
	return list;
}

struct line {
	char side;
	const char *call, *text;
};

static void assert_lines(const struct evidence_list *list, const struct line *lines, size_t count)
{
	for (size_t i = 0; i < list->count && i < count; i++) {
		if (list->lines[i].side != lines[i].side || strcmp(list->lines[i].text, lines[i].text) != 0 ||
		    strcmp(list->lines[i].call, lines[i].call) != 0)
			fail_msg("line %zu: %c %s '%s', not %c %s '%s'", i, list->lines[i].side,
				 list->lines[i].call, list->lines[i].text, lines[i].side, lines[i].call,
				 lines[i].text);
	}
	assert_int_equal(list->count, count);
}

static bool has_line(const struct evidence_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strstr(list->lines[i].text, text))
			return true;
	}
	return false;
}

/* Both sides on one line; what other connections do is not in it; what comes after the finding's end neither.
 */
static void test_both_sides(void **state)
{
	static const struct line lines[] = {
	    {'m', "mark", "-- ready"},
	    {'p', "c3", "c3 connects from port 40003"},
	    {'p', "c3", "c3 is connected"},
	    {'t', "accept4", "accept4(4, 127.0.0.1:40003) = 9"},
	    {'t', "epoll_ctl", "epoll_ctl(5, ADD, 9, IN|RDHUP) = 0"},
	    {'m', "mark", "-- fault"},
	    {'p', "c3", "c3 sends 8 bytes"},
	    {'k', "epoll_wait", "fd 9: IN"},
	    {'t', "read", "read(9, 4096) = 8"},
	    {'p', "c3", "c3 resets (RST)"},
	    {'k', "epoll_wait", "fd 9: IN|RDHUP|ERR|HUP"},
	    {'k', "epoll_wait", "fd 9: IN|RDHUP|HUP"},
	    {'k', "", DOTS " 4110 more of the same until 1.128 s"},
	};
	struct story s = recorded("hup-spin");
	struct evidence_list list;

	(void)state;
	story_conn(&s, 3, FD, EPOLLIN | EPOLLRDHUP);
	story_conn(&s, 4, 10, EPOLLIN);
	story_at(&s, 100);
	story_mark(&s, MARK_FAULT);
	story_peer_args(&s, 3, PEER_SEND, 8, 8, 0, 0);
	story_wait(&s, FD, EPOLLIN);
	story_read(&s, FD, 8);
	story_peer(&s, 3, PEER_RST);
	story_wait(&s, FD, GONE);
	story_wait(&s, 10, EPOLLIN);
	story_read(&s, 10, 5);
	story_loop(&s, 4111, 250, FD, AFTER);
	story_mark(&s, MARK_SETTLE);
	list = collect(&s, 40);
	assert_lines(&list, lines, sizeof(lines) / sizeof(*lines));
	evidence_free(&list);
	assert_null(list.lines);
	story_free(&s);
}

/* A pattern of several lines is folded too, and one that stops halfway gives its lines back. */
static void test_patterns(void **state)
{
	struct story s = recorded("futile-spin");
	struct evidence_list list;

	(void)state;
	story_conn(&s, 3, FD, EPOLLIN);
	for (unsigned i = 0; i < 300; i++) {
		story_wait(&s, FD, EPOLLIN | EPOLLHUP);
		story_read(&s, FD, -EAGAIN);
		story_write(&s, FD, -EPIPE, 10);
	}
	story_wait(&s, FD, EPOLLIN | EPOLLHUP);
	list = collect(&s, 40);
	assert_true(list.count >= 5);
	assert_string_equal(list.lines[list.count - 5].text, "fd 9: IN|HUP");
	assert_string_equal(list.lines[list.count - 4].text, "read(9, 4096) = EAGAIN");
	assert_string_equal(list.lines[list.count - 3].text, "write(9, 10) = EPIPE");
	assert_non_null(strstr(list.lines[list.count - 2].text, DOTS " these 3 lines 299 more times until "));
	assert_string_equal(list.lines[list.count - 1].text, "fd 9: IN|HUP");
	evidence_free(&list);
	story_free(&s);
}

/* Ten thousand different lines: the birth and the end are there, the middle is counted. */
static void test_bounded(void **state)
{
	struct story s = recorded("hup-spin");
	struct evidence_list list;

	(void)state;
	story_conn(&s, 3, FD, EPOLLIN);
	for (int i = 0; i < 10000; i++)
		story_read(&s, FD, 1 + i);
	story_loop(&s, 300, 100, FD, GONE);
	list = collect(&s, 16);
	assert_int_equal(list.count, 16);
	assert_true(has_line(&list, "accept4(4, 127.0.0.1:40003) = 9"));
	assert_true(has_line(&list, "lines left out"));
	assert_true(has_line(&list, "read(9, 4096) = 10000"));
	assert_true(has_line(&list, "fd 9: IN|RDHUP|ERR|HUP"));
	assert_true(has_line(&list, "299 more of the same"));
	evidence_free(&list);
	story_free(&s);
}

/* The accept may be in the journal before the peer's own record of its connect. */
static void test_peer_known_late(void **state)
{
	struct story s = recorded("hup-spin");
	struct evidence_list list;

	(void)state;
	story_accept(&s, STORY_LISTENER, FD, story_port(3));
	story_add(&s, FD, EPOLLIN);
	story_loop(&s, 300, 100, FD, GONE);
	story_peer(&s, 3, PEER_CONNECT);
	story_peer(&s, 3, PEER_RST);
	story_loop(&s, 10, 100, FD, GONE);
	list = collect(&s, 40);
	assert_true(has_line(&list, "c3 resets"));
	evidence_free(&list);
	story_free(&s);
}

/* Faults that hit this fd or the process are told, others not. */
static void test_faults(void **state)
{
	struct story s = recorded("accept-spin");
	struct evidence_list list;

	(void)state;
	story_fault(&s, FAULT_ARMED, 1, 0, "accept4: EMFILE 1..100");
	for (unsigned i = 0; i < 100; i++) {
		struct event event = story_event(&s, EV_FAULT, FAULT_DELIVERED, STORY_LISTENER, -EMFILE);

		story_tell(&s, event);
		story_injected(&s, CALL_accept4, STORY_LISTENER, -EMFILE);
		event.fd = 77;
		event.ret = -EIO;
		story_tell(&s, event);
	}
	list = collect(&s, 40);
	assert_true(has_line(&list, "armed: accept4: EMFILE 1..100"));
	assert_true(has_line(&list, "delivered = EMFILE"));
	assert_true(has_line(&list, "accept4(4) = EMFILE (injected)"));
	assert_true(has_line(&list, "these 2 lines 99 more times"));
	assert_false(has_line(&list, "EIO"));
	evidence_free(&list);
	story_free(&s);
}

/* About no file: the last words of the thread before the finding's end. */
static void test_about_a_thread(void **state)
{
	struct story s = recorded("busy-poll");
	struct evidence_list list;

	(void)state;
	story_mark(&s, MARK_BASE);
	story_later(&s, 1000000);
	story_mark(&s, MARK_SETTLE);
	for (unsigned i = 0; i < 12000; i++) {
		story_wait_none(&s, 0);
		story_later(&s, 80);
	}
	list = collect(&s, 20);
	assert_true(has_line(&list, "epoll_wait(5, 0 ms) = 0"));
	assert_true(has_line(&list, "more of the same until"));
	evidence_free(&list);
	story_free(&s);
}

/* A finding about a file whose thread does nothing: that it sleeps is the proof. */
static void test_sleep(void **state)
{
	struct story s = recorded("hup-spin");
	struct evidence_list list;
	struct error error = {0};
	struct finding finding;

	(void)state;
	story_conn(&s, 3, FD, EPOLLIN | EPOLLET);
	finding = finding_make(s.judge, rule_find("hup-spin"));
	finding_about(&finding, s.judge, world_file(judge_world(s.judge), STORY_PID, FD));
	story_sleep(&s, STORY_FOREVER);
	story_later(&s, 100);
	story_peer_args(&s, 3, PEER_SEND, 8, 8, 0, 0);
	story_later(&s, 1000000);
	story_probe(&s, PROBE_SOCKET, FD, 8, 0, EPOLLIN | EPOLLOUT, 1);
	finding.to = s.now - STORY_STEP;
	story_end(&s);
	journal_free(s.journal);
	s.journal = NULL;
	assert_int_equal(evidence_collect(path, &finding, 1, 40, &list, &error), 0);
	assert_true(list.count > 3);
	assert_string_equal(list.lines[list.count - 3].text, "epoll_wait(5, -1) " DOTS " asleep for 1.00 s");
	assert_string_equal(list.lines[list.count - 2].text, "c3 sends 8 bytes");
	assert_non_null(strstr(list.lines[list.count - 1].text, "8 bytes to read"));
	evidence_free(&list);
	story_free(&s);
}

static void test_no_journal(void **state)
{
	struct story s = story_new("hup-spin");
	struct evidence_list list = {0};
	struct error error = {0};
	const struct finding finding = finding_make(s.judge, rule_find("hup-spin"));

	(void)state;
	assert_int_equal(evidence_collect("/nonexistent/journal", &finding, 1, 20, &list, &error), -ENOENT);
	assert_string_not_equal(error.text, "");
	assert_null(list.lines);
	assert_int_equal(truncate(path, 0), 0);
	assert_true(evidence_collect(path, &finding, 1, 20, &list, &error) < 0);
	evidence_free(&list);
	story_free(&s);
}

/* Lines as letters; the strand's folding as a table. */
static void test_folding(void **state)
{
	static const struct {
		const char *in, *out; /* out: letters, '*' a fold, '.' a gap */
		size_t most, head;
	} rows[] = {
	    {"", "", 40, 4},
	    {"abc", "abc", 40, 4},
	    {"aa", "a*", 40, 4},
	    {"aaaaaaaab", "a*b", 40, 4},
	    {"abababab", "ab*", 40, 4},
	    {"ababababa", "ab*a", 40, 4},
	    {"xababababcaab", "xab*ca*b", 40, 4},
	    {"abcdefghabcdefghabc", "abcdefgh*abc", 40, 4},
	    {"abcdefghiabcdefghi", "abcdefghiabcdefghi", 40, 4},
	    {"aabaab", "a*ba*b", 40, 4},
	    {"abcdefghijklmnopqrstuvwxyz", "ab.vwxyz", 8, 2},
	    {"abcdefghijklmnopqrstuvwxyzzzz", "ab.wxyz*", 8, 2},
	    {"abcdefgh", "abcdefgh", 8, 2},
	    {"abcdefghi", "ab.efghi", 8, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct strand *strand = strand_new(rows[i].most, rows[i].head);
		struct evidence_list list;
		char out[64] = "";

		assert_non_null(strand);
		for (size_t n = 0; rows[i].in[n]; n++) {
			struct evidence line = {.at = n + 1, .side = 't', .text = {rows[i].in[n]}};

			strand_add(strand, &line);
		}
		assert_int_equal(strand_finish(strand, &list), 0);
		for (size_t n = 0; n < list.count; n++) {
			bool dots = strncmp(list.lines[n].text, DOTS, 3) == 0;
			bool gap = strstr(list.lines[n].text, "left out");

			out[n] = gap ? '.' : dots ? '*' : list.lines[n].text[0];
		}
		assert_string_equal(out, rows[i].out);
		evidence_free(&list);
		strand_free(strand);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_folding),
	    cmocka_unit_test_setup_teardown(test_both_sides, make_path, drop_path),
	    cmocka_unit_test_setup_teardown(test_patterns, make_path, drop_path),
	    cmocka_unit_test_setup_teardown(test_bounded, make_path, drop_path),
	    cmocka_unit_test_setup_teardown(test_peer_known_late, make_path, drop_path),
	    cmocka_unit_test_setup_teardown(test_faults, make_path, drop_path),
	    cmocka_unit_test_setup_teardown(test_about_a_thread, make_path, drop_path),
	    cmocka_unit_test_setup_teardown(test_sleep, make_path, drop_path),
	    cmocka_unit_test_setup_teardown(test_no_journal, make_path, drop_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
