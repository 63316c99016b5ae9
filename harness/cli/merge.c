/* SPDX-License-Identifier: MIT */
/* `wringer merge`: the reports of a run's shards as one. */
#include "cli/command.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/status.h"
#include "report/saved.h"

struct parts {
	struct saved **items; /* by shard, the first first */
	size_t count;
};

static void parts_free(struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		saved_free(parts->items[i]);
	free(parts->items);
}

/* A report of an undivided run is its only part. */
static uint32_t index_of(const struct saved *saved)
{
	uint32_t shard = saved_head(saved)->shard;

	return shard ? shard : 1;
}

/* Takes its place among the parts, unless it belongs to another run or the place is taken. */
static int place(struct parts *parts, const struct saved *first, struct saved *saved, struct error *error)
{
	const char *differs = saved_differ(first, saved);
	uint32_t at = index_of(saved) - 1;

	if (differs)
		return error_set(error, -EINVAL, "%s and %s are of different runs: %s differs",
				 saved_path(first), saved_path(saved), differs);
	if (at >= parts->count)
		return error_set(error, -EINVAL, "%s: shard %u of a run in %zu parts", saved_path(saved),
				 at + 1, parts->count);
	if (parts->items[at])
		return error_set(error, -EINVAL, "%s and %s are both shard %u of that run",
				 saved_path(parts->items[at]), saved_path(saved), at + 1);
	parts->items[at] = saved;
	return 0;
}

static int missing(const struct parts *parts, struct error *error)
{
	struct buf names = {0};
	int r = 0;

	for (size_t i = 0; i < parts->count; i++)
		if (!parts->items[i] && r == 0)
			r = buf_printf(&names, "%s%zu/%zu", names.size ? ", " : "", i + 1, parts->count);
	if (names.size)
		r = error_set(error, -ENOENT, "the report of shard %s is missing", names.data);
	buf_free(&names);
	return r;
}

static int add(struct parts *parts, const char *path, struct error *error)
{
	struct saved *saved = NULL, *first = NULL;
	int r = saved_open(path, &saved, error);

	if (r < 0)
		return r;
	if (!parts->items) {
		parts->count = saved_head(saved)->shards ? saved_head(saved)->shards : 1;
		parts->items = calloc(parts->count, sizeof *parts->items);
		r = parts->items ? 0 : error_set(error, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < parts->count && !first; i++)
		first = parts->items[i];
	if (r == 0)
		r = place(parts, first ? first : saved, saved, error);
	if (r < 0)
		saved_free(saved);
	return r;
}

static int gather(struct parts *parts, const struct words *words, struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->count; i++)
		r = add(parts, words->items[i], error);
	return r < 0 ? r : missing(parts, error);
}

static int tell_part(struct session *session, const struct saved *part, struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < saved_count(part); i++) {
		struct result result;

		r = saved_case(part, i, &result, error);
		if (r < 0)
			break;
		session_case(session, &result);
		result_free(&result);
	}
	session->totals.not_run += saved_sums(part)->not_run;
	return r;
}

/* A report_head's `again`; arg is a struct parts. What the part itself says. */
static int again_of(void *arg, const char *scenario, const char *target, uint32_t round, struct buf *out)
{
	const struct parts *parts = arg;

	for (size_t i = 0; i < parts->count; i++) {
		const char *line = saved_again_of(parts->items[i], scenario, target, round);

		if (line)
			return buf_puts(out, line);
	}
	return 0;
}

/* The parts ran side by side: the run took as long as the longest of them. */
static struct report_head head_of(struct parts *parts, double *ret_seconds)
{
	struct report_head head = *saved_head(parts->items[0]);

	head.again = again_of;
	head.again_arg = parts;
	head.planned = 0;
	head.shard = head.shards = 0;
	*ret_seconds = 0;
	for (size_t i = 0; i < parts->count; i++) {
		const struct report_head *part = saved_head(parts->items[i]);
		double seconds = saved_sums(parts->items[i])->seconds;

		head.planned += part->planned + saved_sums(parts->items[i])->not_run;
		if (seconds > *ret_seconds)
			*ret_seconds = seconds;
		if (part->started < head.started)
			head.started = part->started;
	}
	return head;
}

static int tell(const struct settings *settings, struct parts *parts)
{
	struct error error = {0};
	struct session session;
	double seconds;
	struct report_head head = head_of(parts, &seconds);
	int r = 0;

	if (session_open(settings, &head, false, &session, &error) < 0)
		return say(&error);
	session.began -= (uint64_t)(seconds * (double)NS_PER_S);
	for (size_t i = 0; r == 0 && i < parts->count; i++)
		r = tell_part(&session, parts->items[i], &error);
	bool whole = session_close(&session, &session.totals);
	if (r < 0)
		(void)say(&error);
	return status_of_run(&session.totals, r < 0 || !whole);
}

static int merge(struct settings *settings, const struct words *words)
{
	struct parts parts = {0};
	struct error error = {0};

	if (words->count == 0 || words->command)
		return say_error(
		    "merge wants the JSON reports of a run's shards; --shard and --json make them");
	int status = gather(&parts, words, &error) < 0 ? say(&error) : tell(settings, &parts);
	parts_free(&parts);
	return status;
}

const struct command command_merge = {
    .name = "merge",
    .bit = FOR_MERGE,
    .usage = "[OPTIONS] REPORT.json...",
    .doc = "one report from the shards of a run",
    .about =
	"Takes the JSON reports that the parts of one run wrote (check --shard 1/4 --seed 7 --json 1.json, "
	"and so "
	"on), on one machine or many, and tells them as one: the same lines, reports and exit status as the "
	"undivided run. Refuses parts of different runs (another seed, server, choice of scenarios or "
	"version), a part "
	"that is there twice and one that is missing.",
    .run = merge,
};
