/* SPDX-License-Identifier: MIT */
/* What a person sees, letter by letter: without colour, in ASCII, narrow, quiet, with findings folded. */
#include "test/check.h"

#include <stdlib.h>
#include "test/report/sample.h"

/* A rule of the test's own: the texts of the real ones may change. */
static const struct rule spin = {.id = "hup-spin",
				 .severity = SEVERITY_ERROR,
				 .doc = "",
				 .why = "",
				 .how = "",
				 .mend = "Close the fd. Then look at it again.",
				 .seen = ""};
static const struct rule busy = {.id = "busy-poll", .severity = SEVERITY_WARNING, .mend = "Wait longer."};
static const struct rule redundant = {.id = "redundant-ctl", .severity = SEVERITY_INFO, .mend = "Do not."};

static struct result_finding found(const struct rule *rule, const char *message, uint64_t count, size_t lines)
{
	struct result_finding finding = {
	    .finding = {.rule = rule, .severity = rule->severity, .count = count}};

	(void)snprintf(finding.finding.message, sizeof finding.finding.message, "%s", message);
	finding.evidence = (struct evidence_list){sample_lines, lines, 0};
	return finding;
}

static int again(void *arg, const char *scenario, const char *target, uint32_t round, struct buf *out)
{
	(void)arg, (void)target;
	return buf_printf(out, "wringer run %s --seed %u -- ./server", scenario, 42 + round - 1);
}

struct screen {
	char *text;
	size_t size;
	FILE *file;
	struct report_head head;
	struct terminal *terminal;
};

static void screen_open(struct screen *screen, struct terminal_options options)
{
	screen->head = sample_head();
	screen->head.seed = 42;
	screen->head.again = again;
	screen->file = tmpfile();
	assert_non_null(screen->file);
	options.out = screen->file;
	screen->terminal = terminal_new(&options, &screen->head);
	assert_non_null(screen->terminal);
}

static void screen_expect(struct screen *screen, const char *expected)
{
	char text[8192];

	rewind(screen->file);
	size_t size = fread(text, 1, sizeof text - 1, screen->file);
	text[size] = 0;
	assert_string_equal(text, expected);
	terminal_free(screen->terminal);
	(void)fclose(screen->file);
}

static void show_four(struct screen *screen)
{
	struct result_finding spins[] = {
	    found(&spin, "fd 9 (peer c3): HUP reported 4112 times in 1.00 s, no call on it", 4112, 4)};
	struct result_finding fewer[] = {found(&spin, "fd 8: HUP reported 300 times", 300, 4),
					 found(&busy, "0.9 of a core with silent peers", 1, 0),
					 found(&redundant, "MOD without change", 12, 0)};
	struct result cases[] = {
	    sample_result("fin-idle", VERDICT_PASS, ""),
	    sample_result("rst-idle", VERDICT_FAIL, ""),
	    sample_result("rst-mid-request", VERDICT_FAIL, ""),
	    sample_result("churn", VERDICT_BROKEN, "the fault was not delivered"),
	    sample_result("drip", VERDICT_BROKEN, "the fault was not delivered"),
	    sample_result("vanish-idle", VERDICT_SKIP, "needs a sandbox"),
	};

	cases[1].findings = fewer;
	cases[1].finding_count = COUNT_OF(fewer);
	cases[2].findings = spins;
	cases[2].finding_count = COUNT_OF(spins);
	(void)snprintf(cases[3].output, sizeof cases[3].output,
		       "1\n2\n3\n4\n5\n6\n7\n"
		       "panic: \x1b[31mred\nbye\n");
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		terminal_case(screen->terminal, &cases[i]);
	struct suite_totals totals = {1, 2, 2, 1, 0};
	terminal_end(screen->terminal, &totals, 12.34);
}

#define GOOD  "\xe2\x9c\x93"
#define WRONG "\xe2\x9c\x97"
#define DOT   " \xc2\xb7 "
#define DOTS  "\xe2\x80\xa6"
#define TROUBLE                                                                                              \
	"\n! churn  broken\n"                                                                                \
	"  the fault was not delivered\n"                                                                    \
	"     the target's last words:\n"                                                                    \
	"       4\n"                                                                                         \
	"       5\n"                                                                                         \
	"       6\n"                                                                                         \
	"       7\n"                                                                                         \
	"       panic: \xef\xbf\xbd[31mred\n"                                                                \
	"       bye\n"                                                                                       \
	"     again: wringer run churn --seed 42 -- ./server\n"                                              \
	"     also in: drip\n"
#define SPIN_HEAD                                                                                            \
	"\n" WRONG " hup-spin  error  in rst-mid-request\n"                                                  \
	"  fd 9 (peer c3): HUP reported 4112 times in 1.00 s, no call on it\n"
#define SPIN_TAIL                                                                                            \
	"       0.1002 peer    c3 connects from port 40112\n"                                                \
	"       0.1003 target  accept4(5) = 9\n"                                                             \
	"       0.1011 kernel  fd 9: IN|RDHUP|ERR|HUP\n"                                                     \
	"                      " DOTS "   4110 more of the same until 1.120\n"                               \
	"     mend: Close the fd. (wringer explain hup-spin)\n"                                              \
	"     again: wringer run rst-mid-request --seed 42 -- ./server\n"                                    \
	"     also in: rst-idle\n"
#define SUMMARY                                                                                              \
	"\n1 passed, 2 failed, 2 broken, 1 skipped" DOT "2 errors, 1 warning, 1 note" DOT "12.3 s" DOT       \
	"watched by ptrace \xc2\xb7 seed 42\n"

static void test_whole(void **state)
{
	struct screen screen;

	(void)state;
	screen_open(&screen, (struct terminal_options){.utf8 = true, .columns = 100});
	show_four(&screen);
	screen_expect(&screen, GOOD
		      " fin-idle                       0.21 s\n" WRONG
		      " rst-idle                       0.21 s  hup-spin: fd 8: HUP reported 300 times\n" WRONG
		      " rst-mid-request                0.21 s  hup-spin: fd 9 (peer c3): HUP reported 4112 "
		      "times in 1.00 " DOTS "\n"
		      "! churn                          0.21 s  the fault was not delivered\n"
		      "! drip                           0.21 s  the fault was not delivered\n"
		      "- vanish-idle                    0.21 s  needs a sandbox\n" TROUBLE SPIN_HEAD SPIN_TAIL
		      "\n\xe2\x96\xb2 busy-poll  warning  in rst-idle\n"
		      "  0.9 of a core with silent peers\n"
		      "     mend: Wait longer. (wringer explain busy-poll)\n"
		      "     again: wringer run rst-idle --seed 42 -- ./server\n" SUMMARY);
}

/* Known deviations: met ones with their reason, and after a whole run those that matched nothing. */
static void test_ignored(void **state)
{
	struct ignore_list ignores = {0};
	struct result_ignored met = {.rule = rule_find("hup-spin"), .count = 2};
	struct result results[] = {sample_result("rst-idle", VERDICT_PASS, ""),
				   sample_result("rst-keepalive", VERDICT_PASS, "")};
	struct error error = {0};
	struct screen screen;

	(void)state;
	assert_int_equal(ignore_add(&ignores, "busy-poll,hup-spin=until the next release", &error), 0);
	assert_int_equal(ignore_add(&ignores, "fin-leak@vanish-*", &error), 0);
	screen_open(&screen, (struct terminal_options){.utf8 = true, .columns = 100, .quiet = true});
	screen.head.ignores = &ignores;
	screen.head.complete = true;
	for (size_t i = 0; i < 2; i++) {
		results[i].ignored = &met;
		results[i].ignored_count = 1;
		terminal_case(screen.terminal, &results[i]);
	}
	terminal_end(screen.terminal, &(struct suite_totals){.passed = 2}, 0.5);
	screen_expect(&screen,
		      "     ignored: busy-poll matched nothing: no longer needed?\n"
		      "     ignored: hup-spin in 2 cases (until the next release)\n"
		      "     ignored: fin-leak@vanish-* matched nothing: no longer needed?\n\n"
		      "2 passed, 0 failed, 0 broken, 0 skipped \xc2\xb7 0 errors, 0 warnings \xc2\xb7 "
		      "0.5 s \xc2\xb7 watched by ptrace \xc2\xb7 seed 42\n");
	ignore_free(&ignores);
}

static void test_quiet(void **state)
{
	struct screen screen;

	(void)state;
	screen_open(&screen, (struct terminal_options){.utf8 = true, .columns = 100, .quiet = true});
	show_four(&screen);
	screen_expect(
	    &screen,
	    WRONG " rst-idle                       0.21 s  hup-spin: fd 8: HUP reported 300 times\n" WRONG
		  " rst-mid-request                0.21 s  hup-spin: fd 9 (peer c3): HUP reported 4112 times "
		  "in 1.00 " DOTS "\n"
		  "! churn                          0.21 s  the fault was not delivered\n"
		  "! drip                           0.21 s  the fault was not delivered\n" TROUBLE SPIN_HEAD
		      SPIN_TAIL SUMMARY);
}

static void test_narrow_ascii(void **state)
{
	struct result_finding finding = found(&spin, "fd 9 (peer c3): HUP reported 4112 times", 4112, 4);
	struct result result = sample_result("rst-mid-request", VERDICT_FAIL, "");
	struct suite_totals totals = {.failed = 1, .not_run = 3};
	struct screen screen;

	(void)state;
	result.findings = &finding;
	result.finding_count = 1;
	screen_open(&screen, (struct terminal_options){.columns = 40});
	terminal_case(screen.terminal, &result);
	terminal_end(screen.terminal, &totals, 1);
	screen_expect(&screen,
		      "x rst-mid-request        0.21 s  hup-...\n"
		      "\nx hup-spin  error  in rst-mid-request\n"
		      "  fd 9 (peer c3): HUP reported 4112\n"
		      "  times\n"
		      "       0.1002 peer    c3 connects from\n"
		      "                      port 40112\n"
		      "       0.1003 target  accept4(5) = 9\n"
		      "       0.1011 kernel  fd 9:\n"
		      "                      IN|RDHUP|ERR|HUP\n"
		      "                      ...   4110 more of\n"
		      "                      the same until\n"
		      "                      1.120\n"
		      "     mend: Close the fd. (wringer\n"
		      "           explain hup-spin)\n"
		      "     again: wringer run rst-mid-request --seed 42 -- ./server\n"
		      "\n0 passed, 1 failed, 0 broken, 0 skipped, 3 not run - 1 error, 0 warnings - 1.0 s - "
		      "watched by ptrace - seed 42\n");
}

static void test_rounds_and_color(void **state)
{
	struct result result = sample_result("churn", VERDICT_PASS, "");
	struct suite_totals totals = {.passed = 1};
	struct screen screen;

	(void)state;
	screen_open(&screen, (struct terminal_options){.utf8 = true, .color = true, .columns = 60});
	screen.head.rounds = 2;
	screen.head.targets = 2;
	result.round = 2;
	terminal_case(screen.terminal, &result);
	terminal_end(screen.terminal, &totals, 1);
	screen_expect(&screen,
		      "\033[32m" GOOD "\033[0m churn (command) #2            \033[2m   0.21 s\033[0m\n\n"
		      "\033[32m1 passed, 0 failed, 0 broken, 0 skipped" DOT "0 errors, 0 warnings" DOT
		      "1.0 s" DOT "watched by ptrace" DOT "seed 42\033[0m\n");
}

static void test_progress(void **state)
{
	struct suite_progress progress = {.total = 40,
					  .done = 12,
					  .running = 3,
					  .elapsed = 3.14,
					  .names = {"rst-storm", "churn"},
					  .name_count = 2};
	struct result result = sample_result("fin-idle", VERDICT_PASS, "");
	struct screen screen;

	(void)state;
	screen_open(&screen, (struct terminal_options){.utf8 = true, .progress = true, .columns = 60});
	terminal_progress(screen.terminal, &progress);
	progress.held = 12400;
	progress.wanted = 100000;
	progress.names[0] = "a-scenario-with-a-name-beyond-every-line";
	terminal_progress(screen.terminal, &progress);
	terminal_case(screen.terminal, &result);
	screen_expect(&screen, "[12/40] 3.1 s  running: rst-storm, churn, 1 more"
			       "\r\033[K[12/40] 3.1 s  12,400 of 100,000 peers held  running: a-sc" DOTS
			       "\r\033[K" GOOD " fin-idle                       0.21 s\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_quiet),
	    cmocka_unit_test(test_ignored),
	    cmocka_unit_test(test_narrow_ascii),
	    cmocka_unit_test(test_rounds_and_color),
	    cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
