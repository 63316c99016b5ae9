/* SPDX-License-Identifier: MIT */
/* The judge: which rules are wanted, how findings are merged, limited and ordered; and the list of rules
 * itself. */
#include <malloc.h>
#include "test/rules/story.h"

static void test_lists(void **state)
{
	static const struct {
		const char *rules;
		int result;
		const char *wanted, *unwanted, *text;
	} rows[] = {
	    {NULL, 0, "hup-spin", NULL, NULL},
	    {"hup-spin", 0, "hup-spin", "eof-spin", NULL},
	    {"hup-spin,eof-spin", 0, "eof-spin", "busy-poll", NULL},
	    {" hup-spin , eof-spin ", 0, "eof-spin", "busy-poll", NULL},
	    {"*-spin", 0, "accept-spin", "busy-poll", NULL},
	    {"?q*,busy-poll", -EINVAL, NULL, NULL, "'?q*'"},
	    {"hup-spinn", -EINVAL, NULL, NULL, "'hup-spinn'"},
	    {"hup-spin,nonsense", -EINVAL, NULL, NULL, "'nonsense'"},
	    {"", -EINVAL, NULL, NULL, "empty"},
	    {" , ", -EINVAL, NULL, NULL, "empty"},
	    {"a-name-that-is-much-longer-than-any-rule-will-ever-be-called-by-anyone", -EINVAL, NULL, NULL,
	     "long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct judge_options options = {.rules = rows[i].rules};
		struct judge *judge = NULL;
		struct error error = {0};

		assert_int_equal(judge_new(&options, &judge, &error), rows[i].result);
		if (rows[i].text && !strstr(error.text, rows[i].text))
			fail_msg("'%s' lacks \"%s\"", error.text, rows[i].text);
		if (rows[i].wanted)
			assert_true(judge_wants(judge, rule_find(rows[i].wanted)));
		if (rows[i].unwanted)
			assert_false(judge_wants(judge, rule_find(rows[i].unwanted)));
		judge_free(judge);
	}
}

/* Every rule can be found, has its texts (a public bug apart, not every rule has one), and an id nobody else
 * has. */
static void test_rules_are_whole(void **state)
{
	const struct rule *rule;
	size_t at = 0, count = 0;

	(void)state;
	while ((rule = rule_next(&at))) {
		const char *texts[] = {rule->doc, rule->why, rule->how, rule->mend};

		count++;
		assert_ptr_equal(rule_find(rule->id), rule);
		for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
			if (!texts[i] || !texts[i][0])
				fail_msg("%s lacks text %zu", rule->id, i);
		}
		if (strchr(rule->doc, '\n') || strlen(rule->doc) > 100 ||
		    rule->doc[strlen(rule->doc) - 1] == '.')
			fail_msg("%s: one short line, please: %s", rule->id, rule->doc);
	}
	assert_true(count >= 8);
	assert_null(rule_find("nonsense"));
	assert_string_equal(severity_name(SEVERITY_ERROR), "error");
	assert_string_equal(severity_name(SEVERITY_WARNING), "warning");
	assert_string_equal(severity_name(SEVERITY_INFO), "info");
}

static struct finding made(const struct story *s, const char *id, uint64_t file, uint64_t at, uint64_t count)
{
	struct finding finding = finding_make(s->judge, rule_find(id));

	finding.file = file;
	finding.at = finding.from = at;
	finding.to = at + 10;
	finding.count = count;
	snprintf(finding.message, sizeof(finding.message), "%s %llu", id, (unsigned long long)count);
	return finding;
}

static void report(struct story *s, struct finding finding)
{
	s->by_hand = true;
	assert_int_equal(judge_report(s->judge, &finding), 0);
}

/* One rule about one file is one finding: the larger count speaks, the stretch is the wider one. */
static void test_merging(void **state)
{
	struct story s = story_new("*-spin");
	const struct finding *findings;
	size_t count;

	(void)state;
	report(&s, made(&s, "hup-spin", 7, 200, 300));
	report(&s, made(&s, "hup-spin", 7, 100, 900));
	report(&s, made(&s, "hup-spin", 7, 400, 500));
	report(&s, made(&s, "eof-spin", 7, 50, 1));
	report(&s, made(&s, "hup-spin", 8, 60, 1));
	story_end(&s);
	findings = judge_findings(s.judge, &count);
	assert_int_equal(count, 3);
	assert_string_equal(findings[2].message, "hup-spin 900");
	assert_int_equal(findings[2].at, 100);
	assert_int_equal(findings[2].from, 100);
	assert_int_equal(findings[2].to, 410);
	assert_int_equal(findings[2].count, 900);
	story_free(&s);
}

static void test_at_most_sixteen(void **state)
{
	struct story s = story_new("*-spin");
	const struct finding *findings;
	size_t count;

	(void)state;
	for (uint64_t i = 1; i <= 20; i++)
		report(&s, made(&s, "hup-spin", i, i, 10));
	report(&s, made(&s, "eof-spin", 1, 100, 1));
	story_end(&s);
	findings = judge_findings(s.judge, &count);
	assert_int_equal(count, 17);
	assert_int_equal(findings[14].count, 10);
	assert_int_equal(findings[15].count, 50);
	assert_string_equal(findings[16].rule->id, "eof-spin");
	story_free(&s);
}

/* Severity first, then time. Reporting what is switched off keeps nothing, but is remembered. */
static void test_order_and_ignored(void **state)
{
	struct story s = story_new("hup-spin,eof-spin,busy-poll,unserved");
	struct finding warning = made(&s, "busy-poll", 0, 1, 1), lesser = made(&s, "eof-spin", 5, 2, 1);
	const struct finding *findings;
	size_t count;

	(void)state;
	lesser.severity = SEVERITY_INFO;
	report(&s, lesser);
	report(&s, warning);
	report(&s, made(&s, "unserved", 6, 10, 1)); /* a symptom */
	report(&s, made(&s, "hup-spin", 3, 30, 1));
	report(&s, made(&s, "eof-spin", 4, 20, 1));
	report(&s, made(&s, "accept-spin", 4, 1, 1));
	story_end(&s);
	findings = judge_findings(s.judge, &count);
	assert_int_equal(count, 5);
	assert_int_equal(findings[0].at, 20);
	assert_int_equal(findings[1].at, 30);
	assert_string_equal(findings[2].rule->id, "unserved");
	assert_string_equal(findings[3].rule->id, "busy-poll");
	assert_int_equal(findings[4].severity, SEVERITY_INFO);
	assert_true(judge_broken(s.judge, "accept-spin"));
	assert_false(judge_broken(s.judge, "readable-spin"));
	story_free(&s);
}

/* A finding's place: the birth number, or the one under which the file is reachable now. */
static void test_about(void **state)
{
	struct story s = story_new("hup-spin");
	struct finding finding;
	const struct file *file;

	(void)state;
	story_conn(&s, 3, 9, EPOLLIN);
	file = world_file(judge_world(s.judge), STORY_PID, 9);
	finding = finding_make(s.judge, rule_find("hup-spin"));
	assert_int_equal(finding.pid, STORY_PID);
	assert_int_equal(finding.tid, STORY_PID);
	assert_int_equal(finding.fd, -1);
	finding_about(&finding, s.judge, file);
	assert_int_equal(finding.fd, 9);
	assert_int_equal(finding.peer, 3);
	story_call(&s, CALL_dup, 9, 20);
	story_close(&s, 9);
	finding_about(&finding, s.judge, file);
	assert_int_equal(finding.fd, 20);
	story_close(&s, 20);
	finding_about(&finding, s.judge, file);
	assert_int_equal(finding.fd, 9);
	story_free(&s);
}

static void test_time_scale(void **state)
{
	struct story s = story_judged(NULL, 2.5), plain = story_judged(NULL, 0);

	(void)state;
	assert_int_equal(judge_window(s.judge, 1000), 2500);
	assert_int_equal(judge_window(plain.judge, 1000), 1000);
	story_free(&s);
	story_free(&plain);
}

/* An empty journal, finished twice: no rule has anything to say. */
static void test_nothing(void **state)
{
	struct story s = story_judged(NULL, 1);
	size_t count = 1;

	(void)state;
	assert_int_equal(judge_finish(s.judge), 0);
	assert_int_equal(judge_finish(s.judge), 0);
	(void)judge_findings(s.judge, &count);
	assert_int_equal(count, 0);
	story_free(&s);
	judge_free(NULL);
}

static size_t files_of(const struct judge *judge)
{
	size_t at = 0, count = 0;

	while (world_next_file(judge_world(judge), &at))
		count++;
	return count;
}

/* One connection's life: accepted, registered, read, answered, shut down, closed; every one under the same
 * few numbers. */
static void short_life(struct story *s, int32_t fd)
{
	story_accept(s, STORY_LISTENER, fd, 0);
	story_add(s, fd, EPOLLIN | EPOLLET);
	story_wait(s, fd, EPOLLIN);
	story_read(s, fd, 80);
	story_write(s, fd, 200, 200);
	story_shutdown(s, fd, SHUT_WR);
	story_wait(s, fd, EPOLLIN | EPOLLRDHUP);
	story_read(s, fd, 0);
	story_close(s, fd);
}

/* A peer's whole life, and its connection's: it ends as all of them do somewhere. Ports come again. */
static void short_visit(struct story *s, int32_t peer, int32_t fd)
{
	static const enum peer_act ends[] = {PEER_FIN, PEER_RST, PEER_VANISH, PEER_HALF_CLOSE,
					     PEER_CLOSE_UNREAD};
	uint16_t port = (uint16_t)(20000 + peer % 500);

	story_peer_args(s, peer, PEER_CONNECT, 0, port, 0, 0);
	story_peer(s, peer, PEER_CONNECTED);
	story_accept(s, STORY_LISTENER, fd, port);
	story_add(s, fd, EPOLLIN | EPOLLET);
	story_peer_args(s, peer, PEER_SEND, 80, 80, 0, 0);
	story_peer_args(s, peer, PEER_REQUEST, 0, 1, 0, 0);
	story_wait(s, fd, EPOLLIN);
	story_read(s, fd, 80);
	story_write(s, fd, 200, 200);
	story_peer_args(s, peer, PEER_RECV, 200, 200, 0, 0);
	story_peer_args(s, peer, PEER_ANSWER, 0, 1, 200, 1000);
	story_peer(s, peer, ends[peer % 5]);
	story_wait(s, fd, EPOLLIN | EPOLLRDHUP);
	story_read(s, fd, 0);
	if (peer % 3) {
		story_peer(s, peer, PEER_GONE);
		story_close(s, fd);
	} else {
		story_close(s, fd);
		story_peer(s, peer, PEER_GONE);
	}
}

/* Its handshake never ends. */
static void short_refusal(struct story *s, int32_t peer)
{
	story_peer_args(s, peer, PEER_CONNECT, 0, (uint64_t)(30000 + peer % 500), 0, 0);
	story_peer_args(s, peer, PEER_REFUSED, -ECONNREFUSED, 0, 0, 0);
	story_peer(s, peer, PEER_GONE);
}

static size_t peers_of(const struct judge *judge)
{
	size_t at = 0, count = 0;

	while (world_next_peer(judge_world(judge), &at))
		count++;
	return count;
}

/* What rules found is told at the end, when those it is about are long forgotten. */
static void spin_first(struct story *s)
{
	story_peer(s, 3, PEER_CONNECT);
	story_accept(s, STORY_LISTENER, 9, story_port(3));
	story_add(s, 9, EPOLLIN);
	story_loop(s, 300, 1000, 9, EPOLLIN | EPOLLERR | EPOLLHUP);
	story_close(s, 9);
	story_peer(s, 3, PEER_GONE);
}

/*
 * A long journal of connections that come and go: the world holds as many as are open, and some that were
 * closed just now, whatever there was before; be they strangers' or peers of ours, and however these end.
 */
static void test_long_journal(void **state)
{
	enum { LIVES = 20000, SOME = 1000 };
	struct story s = story_new(NULL);
	const struct finding *found;

	(void)state;
	spin_first(&s);
	for (int i = 0; i < LIVES; i++)
		short_life(&s, 9 + i % 7);
	assert_in_range(files_of(s.judge), 1, SOME);
	assert_string_equal(assert_broken(&s, "hup-spin")->name, "c3");
	story_free(&s);

	s = story_judged(NULL, 1);
	s.untaped = true;
	story_ready(&s);
	spin_first(&s);
	for (int i = 0; i < SOME; i++)
		short_visit(&s, 10 + i, 9 + i % 7);
	size_t before = mallinfo2().uordblks;
	for (int i = SOME; i < LIVES; i++) {
		short_visit(&s, 10 + i, 9 + i % 7);
		short_refusal(&s, LIVES + 10 + i);
		assert_in_range(peers_of(s.judge), 0, 3 * SOME);
	}
	assert_in_range(files_of(s.judge), 1, 2 * SOME);
	assert_true(mallinfo2().uordblks < before + 50 * (LIVES - SOME)); /* bytes: not 50 for each of them */
	found = story_finding(&s, "hup-spin");
	assert_non_null(found);
	assert_string_equal(found->name, "c3");
	story_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_rules_are_whole),
	    cmocka_unit_test(test_merging),
	    cmocka_unit_test(test_at_most_sixteen),
	    cmocka_unit_test(test_order_and_ignored),
	    cmocka_unit_test(test_about),
	    cmocka_unit_test(test_time_scale),
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_long_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
