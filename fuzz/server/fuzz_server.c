/* SPDX-License-Identifier: MIT */
/*
 * A server, linked into the simulation, against scripts of misbehaving peers and faults. The journal of each
 * run is judged by the rules of harness/rules, every byte of an answer is checked, and a sanitizer watches
 * its memory.
 *
 * From the environment: FUZZ_ARGS, the server's command line in words (else "server --protocol echo|http");
 * FUZZ_PROTOCOL, where it speaks only one; FUZZ_PIPELINE=no, where it cannot take a request before the last
 * is answered; FUZZ_RULES, only these rules; FUZZ_IGNORE, not these; FUZZ_SHOW, every event and finding as
 * text; FUZZ_FIGURES, at the end how much was done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/common/start.h"
#include "fuzz/common/target.h"
#include "inject/schedule_lua.h"
#include "fuzz/server/verdict.h"

/* What the rules' world saw, so that a server of any compiler leads the search; libFuzzer looks there. */
static uint8_t counters[4096] __attribute__((section("__libfuzzer_extra_counters"), used));

static struct trial *trial; /* made with the first input, kept for all of them */
static uint64_t executions;

static void tell_figures(void)
{
	const struct trial_figures *figures = &trial->figures;

	(void)fprintf(stderr, "%llu executions, %llu moves, %llu calls, %llu events\n",
		      (unsigned long long)executions, (unsigned long long)figures->moves,
		      (unsigned long long)figures->calls, (unsigned long long)figures->events);
}

/* Says what was found, and writes it down for the real kernel. */
static void tell(const struct schedule *script, const struct finding *finding)
{
	const char *folder = getenv(FUZZ_FOUND);
	const struct schedule_story story = {finding->rule->id, finding->message,
					     script->http ? "http" : "echo", true};
	char path[4096];

	(void)fprintf(stderr, "%s %s: %s\n", severity_name(finding->severity), finding->rule->id,
		      finding->message);
	if (folder && schedule_write(script, &story, folder, path, sizeof path) == 0)
		(void)fprintf(stderr, "%zu steps: wringer run %s --protocol %s -- SERVER\n", script->count,
			      path, story.protocol);
}

/* FUZZ_ARGS at its blanks; lives as long as the process. */
static char *const *server_words(void)
{
	static char *words[STAGE_WORDS + 1];
	char *text = getenv("FUZZ_ARGS") ? strdup(getenv("FUZZ_ARGS")) : NULL, *at = text;
	size_t count = 0;

	for (char *word; at && count < STAGE_WORDS && (word = strsep(&at, " "));)
		if (*word)
			words[count++] = word;
	return count ? words : NULL;
}

/* What no search can mend. */
static void give_up(const char *why)
{
	(void)fprintf(stderr, "fuzz_server: %s\n", why);
	_Exit(2);
}

static void begin(void)
{
	const char *protocol = getenv("FUZZ_PROTOCOL");

	if (protocol && strcmp(protocol, "echo") != 0 && strcmp(protocol, "http") != 0)
		give_up("FUZZ_PROTOCOL is echo or http");
	trial = trial_new(getenv("FUZZ_SHOW") != NULL, getenv("FUZZ_RULES"));
	fuzz_claim(trial);
	trial->stage.argv = server_words();
	trial->stage.manners.one_by_one =
	    getenv("FUZZ_PIPELINE") && strcmp(getenv("FUZZ_PIPELINE"), "no") == 0;
	trial->ignored = getenv("FUZZ_IGNORE");
	trial->counters = counters;
	trial->counter_count = sizeof counters;
	if (getenv("FUZZ_FIGURES"))
		(void)atexit(tell_figures);
}

static void run(const uint8_t *data, size_t size)
{
	struct schedule script = schedule_read(data, size);
	struct finding finding;
	uint8_t steps[SCHEDULE_MOST];

	if (!trial)
		begin();
	executions++;
	if (getenv("FUZZ_PROTOCOL"))
		script.http = strcmp(getenv("FUZZ_PROTOCOL"), "http") == 0;
	bool broken = trial_play(trial, &script, NULL, &finding);
	if (trial->stage.phase == STAGE_BOOT)
		give_up(
		    executions == 1
			? "the server ended, or sleeps, without listening on a TCP port; FUZZ_SHOW=1 tells "
			  "what it did"
			: "the server did not listen this time, though it did before: something of an "
			  "earlier run is left");
	if (executions == 1 && !trial->stage.served)
		(void)fprintf(
		    stderr,
		    "fuzz_server: the very first request got no right answer: does the server speak %s?\n",
		    script.http ? "http" : "echo");
	if (!broken)
		return;
	if (script.count)
		memcpy(steps, script.moves, script.count * MOVE_SIZE);
	trial_shrink(trial, &script, steps, &finding);
	if (strcmp(finding.rule->id, "leak") == 0) {
		trial->stage.describe = true;
		(void)trial_play(trial, &script, finding.rule, &finding);
	}
	tell(&script, &finding);
	abort();
}

const struct fuzz_target fuzz_server = {
    .name = "server",
    .doc = "a server in the simulation",
    .limit = SCHEDULE_MOST,
    .run = run,
    .mutate = schedule_mutate,
    .cross = schedule_cross,
};
