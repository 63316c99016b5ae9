/* SPDX-License-Identifier: MIT */
#include "cli/options.h"
#include "cli/values.h"

#define CASES	 (FOR_CHECK | FOR_RUN | FOR_CONTRAST)
#define SERVED	 (CASES | FOR_FUZZ)
#define JUDGING	 (SERVED | FOR_WATCH | FOR_JUDGE)
#define REPORTED (CASES | FOR_WATCH | FOR_JUDGE | FOR_MERGE)
#define TELLING	 (REPORTED | FOR_TRUTH | FOR_FUZZ)
#define ALL	 (TELLING | FOR_LIST | FOR_EXPLAIN)
#define AT(name) offsetof(struct settings, name)

const char *const option_sections[SECTION_COUNT] = {
    [SECTION_WHAT] = "What is run",
    [SECTION_HOW] = "How it is run",
    [SECTION_REPORT] = "What is told",
    [SECTION_OTHER] = "Other",
};

/* clang-format off */
const struct option_row option_rows[] = {
	{"protocol", 0, "NAME|FILE.lua",
	 "what the server speaks: echo, http, tcp (connecting is all that is known), or a file of "
	 "your own",
	 SECTION_WHAT, SERVED | FOR_WATCH, value_text, AT(protocol), AGAIN},
	{"port", 0, "N",
	 "the port it listens on, when it has several; else taken from its own listen calls",
	 SECTION_WHAT, SERVED, value_port, AT(port), AGAIN},
	{"pid", 0, "PID",
	 "a server that runs already, with all its threads and the processes below it; it runs on "
	 "afterwards",
	 SECTION_WHAT, FOR_WATCH, value_pid, AT(pid), LINE_ONLY},
	{"target", 0, "NAME",
	 "a reference target instead of a command (repeatable; see `wringer list targets`)",
	 SECTION_WHAT, SERVED, value_list, AT(targets), 0},
	{"scenario", 0, "GLOB",
	 "only scenarios whose name matches (repeatable)",
	 SECTION_WHAT, CASES, value_list, AT(scenarios), 0},
	{"exclude", 0, "GLOB",
	 "no scenario whose name matches (repeatable)",
	 SECTION_WHAT, CASES, value_list, AT(excludes), 0},
	{"rules", 0, "LIST",
	 "only these rules (ids or globs, separated by commas)",
	 SECTION_WHAT, JUDGING, value_text, AT(rules), AGAIN},
	{"ignore", 0, "LIST",
	 "known deviations that fail nothing: RULE or RULE@SCENARIO, separated by commas; behind a = "
	 "the reason, to the end (repeatable)",
	 SECTION_WHAT, JUDGING, value_ignore, AT(ignores), AGAIN},
	{"repeat", 'n', "N",
	 "run every case N times, each round with the next seed",
	 SECTION_WHAT, CASES, value_count, AT(repeat), 0},
	{"shard", 0, "I/N",
	 "only the I-th of N equal parts of the cases; N alone takes I from JOB_COMPLETION_INDEX (0 is the "
	 "first), as an indexed job has it",
	 SECTION_WHAT, CASES, value_shard, 0, 0},
	{"define", 'D', "NAME=VALUE",
	 "a setting for scenarios and protocol files (repeatable)",
	 SECTION_WHAT, SERVED, value_define, 0, AGAIN},
	{"scale", 0, NULL,
	 "how servers grow instead: what a request costs while more and more connections are idle",
	 SECTION_WHAT, FOR_CONTRAST, value_flag, AT(scale), LINE_ONLY},
	{"idle", 0, "LIST",
	 "with --scale: how many idle connections, such as 10,100,1k (default: from 10 to 19,000, as far as "
	 "the limit of open files goes)",
	 SECTION_WHAT, FOR_CONTRAST, value_text, AT(idle), LINE_ONLY},
	{"show", 0, NULL,
	 "print the journal, a line an event, instead of judging it",
	 SECTION_WHAT, FOR_JUDGE, value_flag, AT(show), LINE_ONLY},
	{"script", 0, "FILE",
	 "perform the steps of FILE on the kernel and its model, and compare (repeatable; see SCRIPTS in the manual)",
	 SECTION_WHAT, FOR_TRUTH, value_list, AT(scripts), LINE_ONLY},

	{"watch", 0, "ptrace|preload|bpf|none|auto",
	 "how the server's system calls are seen: ptrace stops it at each, preload puts a small library into "
	 "it that tells of most of them at a fraction of the cost (programs linked with libc.so), bpf sees them from the "
	 "kernel (as root; no fault can be delivered then); auto (the default) takes ptrace where it is allowed",
	 SECTION_HOW, SERVED | FOR_WATCH, value_watch, AT(watch), AGAIN},
	{"seed", 0, "N",
	 "what every random choice is drawn from; a random one is taken, and told, without it",
	 SECTION_HOW, SERVED, value_seed, AT(seed), 0},
	{"jobs", 'j', "N",
	 "cases side by side (default: the number of cores; one where a command has no sandbox, for its port)",
	 SECTION_HOW, CASES, value_count, AT(jobs), 0},
	{"timeout", 't', "DURATION",
	 "how long one case may take (default: 30s times the time scale)",
	 SECTION_HOW, CASES, value_duration, AT(timeout), AGAIN},
	{"timeout", 't', "DURATION",
	 "how long to watch: then --pid lets go of the server, and a command is asked to end "
	 "(default: until it ends, or Ctrl-C)",
	 SECTION_HOW, FOR_WATCH, value_duration, AT(timeout), LINE_ONLY},
	{"time-scale", 0, "F",
	 "multiplies every tolerance, for slow machines",
	 SECTION_HOW, JUDGING, value_factor, AT(time_scale), AGAIN},
	{"no-sandbox", 0, NULL,
	 "no network namespace for each case: scenarios that need one are skipped",
	 SECTION_HOW, CASES, value_flag, AT(no_sandbox), AGAIN},
	{"dry-run", 0, NULL,
	 "print what would be run, run nothing",
	 SECTION_HOW, CASES, value_flag, AT(dry_run), LINE_ONLY},

	{"time", 0, "DURATION",
	 "how long to search (default: until something is found, or Ctrl-C)",
	 SECTION_HOW, FOR_FUZZ, value_duration, AT(search), LINE_ONLY},
	{"runs", 0, "N",
	 "how many schedules to try",
	 SECTION_HOW, FOR_FUZZ, value_count, AT(runs), LINE_ONLY},
	{"corpus", 0, "DIR",
	 "schedules worth trying, from earlier searches; new ones are added",
	 SECTION_HOW, FOR_FUZZ, value_text, AT(corpus), LINE_ONLY},

	{"out", 0, "DIR",
	 "where the scenario of a finding is written (default: the current folder); nothing is overwritten",
	 SECTION_REPORT, FOR_FUZZ, value_text, AT(out), LINE_ONLY},
	{"json", 0, "FILE",
	 "write the report as JSON (- is standard output)",
	 SECTION_REPORT, REPORTED, value_text, AT(json), 0},
	{"junit", 0, "FILE",
	 "write the report as JUnit XML",
	 SECTION_REPORT, REPORTED, value_text, AT(junit), 0},
	{"tap", 0, "FILE",
	 "write the report in the Test Anything Protocol",
	 SECTION_REPORT, REPORTED, value_text, AT(tap), 0},
	{"json", 0, NULL,
	 "print what there is to tell as JSON",
	 SECTION_REPORT, FOR_LIST | FOR_TRUTH, value_flag, AT(as_json), LINE_ONLY},
	{"svg", 0, "FILE",
	 "with --scale: draw what was measured, both axes logarithmic",
	 SECTION_REPORT, FOR_CONTRAST, value_text, AT(svg), LINE_ONLY},
	{"keep", 0, "DIR",
	 "keep every case's journal and the server's output there",
	 SECTION_REPORT, CASES | FOR_WATCH, value_text, AT(keep), 0},
	{"leave", 'l', NULL,
	 "keep the files of cases that did not pass",
	 SECTION_REPORT, CASES, value_flag, AT(leave), 0},
	{"quiet", 'q', NULL,
	 "print only what did not pass, and the summary",
	 SECTION_REPORT, TELLING, value_flag, AT(quiet), 0},
	{"verbose", 'v', NULL,
	 "print measures and every finding of every case; twice: notes with their time lines",
	 SECTION_REPORT, TELLING, value_counter, AT(verbose), 0},
	{"color", 0, "auto|always|never",
	 "colour on the terminal; auto heeds NO_COLOR",
	 SECTION_REPORT, TELLING, value_color, AT(color), 0},
	{"no-progress", 0, NULL,
	 "no line that says what is running",
	 SECTION_REPORT, SERVED, value_flag, AT(no_progress), 0},

	{"config", 'c', "FILE",
	 "read settings from FILE instead of wringer.lua",
	 SECTION_OTHER, JUDGING, value_text, AT(config), LINE_ONLY | AGAIN},
	{"help", 'h', NULL,
	 "print this and exit",
	 SECTION_OTHER, ALL, value_flag, AT(help), LINE_ONLY},
	{"version", 0, NULL,
	 "print the version and exit",
	 SECTION_OTHER, ALL, value_flag, AT(version), LINE_ONLY},
	{NULL, 0, NULL, NULL, 0, 0, NULL, 0, 0},
};
/* clang-format on */

const size_t option_row_count = sizeof option_rows / sizeof option_rows[0] - 1;
