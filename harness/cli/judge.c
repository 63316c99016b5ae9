/* SPDX-License-Identifier: MIT */
/* `wringer judge`: the rules on saved journals, no target needed. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/say.h"
#include "cli/session.h"
#include "cli/show.h"
#include "cli/status.h"
#include "journal/journal.h"
#include "run/case.h"

/* What the journal says of itself. */
struct origin {
	char scenario[64], target[64], protocol[64], watch[32];
	uint64_t seed;
	double time_scale; /* 0: not said */
};

static int note_origin(void *arg, const struct event *event)
{
	struct origin *origin = arg;
	const struct {
		const char *key;
		char *out;
		size_t size;
	} texts[] = {
	    {"scenario", origin->scenario, sizeof origin->scenario},
	    {"target", origin->target, sizeof origin->target},
	    {"protocol", origin->protocol, sizeof origin->protocol},
	    {"watch", origin->watch, sizeof origin->watch},
	};
	const char *value;

	if (event->kind != EV_META)
		return -ECANCELED; /* they stand before everything else */
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if ((value = event_meta(event, texts[i].key)))
			(void)snprintf(texts[i].out, texts[i].size, "%s", value);
	if ((value = event_meta(event, "seed")))
		origin->seed = strtoull(value, NULL, 10);
	if ((value = event_meta(event, "time_scale")))
		origin->time_scale = strtod(value, NULL);
	return 0;
}

static int read_origin(const char *path, struct origin *ret_origin, struct error *error)
{
	int r = journal_read(path, note_origin, ret_origin, NULL, error);

	return r == -ECANCELED ? 0 : r;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void fill_verdict(struct result *result, int judged, const struct error *error)
{
	if (judged < 0) {
		result->verdict = VERDICT_BROKEN;
		(void)snprintf(result->reason, sizeof result->reason, "%s", error->text);
	} else {
		result->verdict = result_convicts(result) ? VERDICT_FAIL : VERDICT_PASS;
	}
}

/* One journal is one case; what cannot be read is broken and does not keep the others from being judged. */
static void judge_one(const struct settings *settings, const char *path, struct session *session)
{
	struct origin origin = {0};
	struct result result = {.round = 1};
	struct error error = {0};
	int r = read_origin(path, &origin, &error);
	struct judge_options options = {
	    .time_scale = settings_given(settings, "time-scale") ? settings->time_scale : origin.time_scale,
	    .rules = settings->rules};

	(void)snprintf(result.scenario, sizeof result.scenario, "%s",
		       origin.scenario[0] ? origin.scenario : last_part(path));
	(void)snprintf(result.target, sizeof result.target, "%s",
		       origin.target[0] ? origin.target : "command");
	if (r == 0)
		r = case_judge(path, &options, &settings->ignores, &result, &error);
	fill_verdict(&result, r, &error);
	session_case(session, &result);
	result_free(&result);
}

static int show_all(const struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		struct error error = {0};
		if (show_journal(words->items[i], stdout, &error) < 0)
			return say(&error);
	}
	return STATUS_PASSED;
}

static int judge_all(const struct settings *settings, const struct words *words)
{
	struct report_head head;
	struct session session;
	struct error error = {0};
	struct origin origin = {0};

	if (settings_check_rules(settings, &error) < 0)
		return say(&error);
	session_head(settings, &head);
	/* A report is about one run: the first journal says which. */
	(void)read_origin(words->items[0], &origin, NULL);
	head.target = origin.target[0] ? origin.target : head.target;
	head.protocol = origin.protocol[0] ? origin.protocol : NULL;
	head.watch = origin.watch[0] ? origin.watch : NULL;
	head.seed = origin.seed;
	head.unseeded = words->count > 1 || !origin.seed;
	head.planned = (uint32_t)words->count;
	if (session_open(settings, &head, false, &session, &error) < 0)
		return say(&error);
	for (size_t i = 0; i < words->count; i++)
		judge_one(settings, words->items[i], &session);
	bool whole = session_close(&session, &session.totals);
	return status_of_run(&session.totals, !whole);
}

static int judge(struct settings *settings, const struct words *words)
{
	if (words->count == 0 || words->command)
		return say_error("judge wants journal files; `wringer check --keep DIR` leaves some");
	return settings->show ? show_all(words) : judge_all(settings, words);
}

const struct command command_judge = {
    .name = "judge",
    .bit = FOR_JUDGE,
    .usage = "[OPTIONS] JOURNAL...",
    .doc = "apply the rules to saved journals again",
    .about = "A journal is what a case leaves with --keep. The rules of this wringer judge it, no server is "
	     "needed; with "
	     "--show it is printed instead, a line an event.",
    .run = judge,
};
