/* SPDX-License-Identifier: MIT */
#include "report/saved.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A report of a million cases; anything larger is something else. */
#define SAVED_MOST ((size_t)1 << 30)

struct saved {
	char *path;
	cJSON *root;
	const cJSON *cases;
	char **command; /* the words are the JSON's, the array is ours */
	struct ignore_list ignores;
	struct report_head head;
	struct report_sums sums;
};

static int slurp(FILE *file, struct buf *out)
{
	char piece[65536];
	size_t got;

	while ((got = fread(piece, 1, sizeof piece, file)) > 0)
		if (out->size + got > SAVED_MOST || buf_append(out, piece, got) < 0)
			return out->size + got > SAVED_MOST ? -EFBIG : -ENOMEM;
	return ferror(file) ? -errno : 0;
}

static int read_whole(const char *path, struct buf *out, struct error *error)
{
	FILE *file = fopen(path, "re");
	int r = file ? slurp(file, out) : -errno;

	if (file)
		(void)fclose(file);
	return r < 0 ? error_set(error, r, "%s: %s", path, strerror(-r)) : 0;
}

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static uint32_t count_of(const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);
	double number = cJSON_IsNumber(item) ? item->valuedouble : 0;

	return number >= 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/*
 * Every digit of a seed counts, and a JSON library's numbers are doubles: the digits are read where they
 * stand, before anything that could hold such a name in its text.
 */
static int read_seed(struct saved *saved, const struct buf *text)
{
	const cJSON *item = member(saved->root, "seed");
	const char *at = strstr(text->data, "\"seed\":");

	if (!cJSON_IsNumber(item) || !at)
		return -EBADMSG;
	errno = 0;
	saved->head.seed = strtoull(at + strlen("\"seed\":"), NULL, 10);
	return errno || (double)saved->head.seed != item->valuedouble ? -EBADMSG : 0;
}

static void read_started(struct saved *saved)
{
	const char *text = text_of(saved->root, "started");
	struct tm parts = {0};

	if (text && strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts))
		saved->head.started = timegm(&parts);
}

static int read_command(struct saved *saved, const cJSON *target)
{
	const cJSON *array = member(target, "command"), *item;
	size_t at = 0;

	saved->command = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *saved->command);
	if (!saved->command)
		return -ENOMEM;
	cJSON_ArrayForEach(item,
			   array) if (!(saved->command[at++] = cJSON_GetStringValue(item))) return -EBADMSG;
	saved->head.command = at ? saved->command : NULL;
	return 0;
}

static int read_ignores(struct saved *saved, struct error *error)
{
	const cJSON *item;
	int r = 0;

	cJSON_ArrayForEach(item, member(saved->root, "suppressions"))
	{
		const char *rule = text_of(item, "rule"), *scenario = text_of(item, "scenario"),
			   *reason = text_of(item, "reason");
		struct buf text = {0};

		if (r == 0)
			r = rule ? buf_printf(&text, "%s%s%s%s%s", rule, scenario ? "@" : "",
					      scenario ? scenario : "", reason ? "=" : "",
					      reason ? reason : "")
				 : -EBADMSG;
		if (r == 0)
			r = ignore_add(&saved->ignores, text.data, error);
		buf_free(&text);
	}
	saved->head.ignores = &saved->ignores;
	return r;
}

static int read_shard(struct saved *saved)
{
	const cJSON *shard = member(saved->root, "shard");

	saved->head.shard = count_of(shard, "index");
	saved->head.shards = count_of(shard, "of");
	if (cJSON_IsObject(shard) && (!saved->head.shard || saved->head.shard > saved->head.shards))
		return -EBADMSG;
	return 0;
}

static void read_sums(struct saved *saved)
{
	const cJSON *summary = member(saved->root, "summary");
	struct report_sums *sums = &saved->sums;

	sums->passed = count_of(summary, "passed");
	sums->failed = count_of(summary, "failed");
	sums->broken = count_of(summary, "broken");
	sums->skipped = count_of(summary, "skipped");
	sums->not_run = count_of(summary, "not_run");
	sums->seconds =
	    cJSON_IsNumber(member(saved->root, "seconds")) ? member(saved->root, "seconds")->valuedouble : 0;
}

/* Names are joined by commas where a run has several targets. */
static uint32_t names_in(const char *names)
{
	uint32_t count = 1;

	for (; (names = strchr(names, ',')); names++)
		count++;
	return count;
}

static int read_head(struct saved *saved, const struct buf *text, struct error *error)
{
	const cJSON *target = member(saved->root, "target");
	struct report_head *head = &saved->head;

	head->version = text_of(saved->root, "wringer");
	head->kernel = text_of(saved->root, "kernel");
	head->target = text_of(target, "name");
	head->protocol = text_of(target, "protocol");
	head->watch = text_of(target, "watch");
	saved->cases = member(saved->root, "cases");
	if (!head->version || !head->kernel || !head->target || !cJSON_IsArray(saved->cases))
		return -EBADMSG;
	head->targets = names_in(head->target);
	head->rounds = count_of(saved->root, "rounds");
	head->planned = (uint32_t)saved_count(saved);
	read_started(saved);
	read_sums(saved);
	int r = read_seed(saved, text);
	r = r ? r : read_shard(saved);
	r = r ? r : read_command(saved, target);
	return r ? r : read_ignores(saved, error);
}

static int parse(struct saved *saved, const struct buf *text, struct error *error)
{
	const char *format;
	int r;

	saved->root = text->size ? cJSON_ParseWithLength(text->data, text->size) : NULL;
	format = text_of(saved->root, "format");
	if (!format || strcmp(format, "wringer-report") != 0)
		return error_set(error, -EBADMSG, "%s: no report of wringer's (--json writes one)",
				 saved->path);
	if (count_of(saved->root, "version") != 1)
		return error_set(error, -EBADMSG, "%s: a report of version %u, this wringer reads version 1",
				 saved->path, count_of(saved->root, "version"));
	r = read_head(saved, text, error);
	if (r == -EBADMSG)
		return error_set(error, r, "%s: what a report says of its run is missing here", saved->path);
	if (r == -ENOMEM)
		return error_set(error, r, "out of memory");
	return r < 0 ? error_prefix(error, "%s", saved->path) : 0;
}

int saved_open(const char *path, struct saved **ret_saved, struct error *error)
{
	struct saved *saved = calloc(1, sizeof *saved);
	struct buf text = {0};
	int r;

	if (!saved || !(saved->path = strdup(path))) {
		free(saved);
		return error_set(error, -ENOMEM, "out of memory");
	}
	r = read_whole(path, &text, error);
	if (r == 0)
		r = parse(saved, &text, error);
	buf_free(&text);
	if (r < 0)
		saved_free(saved);
	else
		*ret_saved = saved;
	return r;
}

void saved_free(struct saved *saved)
{
	if (!saved)
		return;
	ignore_free(&saved->ignores);
	cJSON_Delete(saved->root);
	free(saved->command);
	free(saved->path);
	free(saved);
}

const char *saved_path(const struct saved *saved)
{
	return saved->path;
}

const struct report_head *saved_head(const struct saved *saved)
{
	return &saved->head;
}

const struct report_sums *saved_sums(const struct saved *saved)
{
	return &saved->sums;
}

size_t saved_count(const struct saved *saved)
{
	return (size_t)cJSON_GetArraySize(saved->cases);
}

int saved_case(const struct saved *saved, size_t at, struct result *ret_result, struct error *error)
{
	int r = result_from_json(cJSON_GetArrayItem(saved->cases, (int)at), ret_result, error);

	return r < 0 ? error_prefix(error, "%s: case %zu", saved->path, at + 1) : 0;
}

const char *saved_again(const struct saved *saved, size_t at)
{
	return text_of(cJSON_GetArrayItem(saved->cases, (int)at), "again");
}

static bool is_text(const cJSON *object, const char *name, const char *text)
{
	const char *found = text_of(object, name);

	return found && strcmp(found, text) == 0;
}

const char *saved_again_of(const struct saved *saved, const char *scenario, const char *target,
			   uint32_t round)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, saved->cases)
	{
		if (count_of(item, "round") == round && is_text(item, "scenario", scenario) &&
		    is_text(item, "target", target))
			return text_of(item, "again");
	}
	return NULL;
}

const char *saved_differ(const struct saved *one, const struct saved *other)
{
	static const struct {
		const char *inside, *name, *what; /* inside NULL: of the report itself */
	} rows[] = {
	    {NULL, "wringer", "the version of wringer"},
	    {"target", "name", "the target"},
	    {"target", "command", "the command"},
	    {"target", "protocol", "the protocol"},
	    {"target", "watch", "the way of watching"},
	    {NULL, "rounds", "the number of rounds"},
	    {"shard", "of", "the number of shards"},
	    {"shard", "plan", "the choice of scenarios or settings"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const cJSON *a = rows[i].inside ? member(one->root, rows[i].inside) : one->root;
		const cJSON *b = rows[i].inside ? member(other->root, rows[i].inside) : other->root;

		if (!cJSON_Compare(member(a, rows[i].name), member(b, rows[i].name), true) &&
		    (member(a, rows[i].name) || member(b, rows[i].name)))
			return rows[i].what;
	}
	return one->head.seed == other->head.seed ? NULL : "the seed";
}
