/* SPDX-License-Identifier: MIT */
/* A log that is written to faster than anything happens. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "rules/deed.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "log-flood",
	.severity = SEVERITY_WARNING,
	.doc = "the log grows by a megabyte a second while a fault lasts",
	.why = "A fault that nobody notices for a night becomes a full disk, and then every program on the "
	       "machine is in trouble. Writing it also takes the time that serving needs.",
	.how = "Counted are records and bytes written to what is neither a socket nor a pipe made by the "
	       "target: its output and its files. The rule is broken by 1 MiB within a second that is also "
	       "four times what moved over connections; or by 200 records of 64 KiB together within a "
	       "second, more than ten for everything that happened on a connection (bytes moved, an accept, "
	       "a close), for a watched server runs several times slower than a free one. Both only where "
	       "that is four times what the target logged before the fault: a line for each request is what "
	       "logs are for, and whoever logs at debug level does so at all times.",
	.mend = "Log a failure that repeats once, then at most once a second with a count. Mend the loop "
		"that makes it repeat: a spin is usually behind it.",
	.seen = "HHVM #119 (211 GB in a night)",
    },
};

/* What was logged, beside what happened. */
struct tally {
	uint64_t records, logged; /* bytes */
	uint64_t moves, moved;	  /* bytes */
};

/* One process, and the second that runs. */
struct writer {
	int32_t pid;
	uint64_t from;
	struct tally tally;
};

struct flood {
	struct map writers; /* pid -> struct writer */
	struct tally base;  /* of all of them */
	struct finding worst;
	bool found;
};

static struct writer *writer_of(struct flood *flood, const struct event *event)
{
	struct writer *writer = map_get(&flood->writers, (uint32_t)event->pid);

	if (writer)
		return writer;
	writer = calloc(1, sizeof(*writer));
	if (!writer || map_put(&flood->writers, (uint32_t)event->pid, writer) < 0) {
		free(writer);
		return NULL;
	}
	writer->pid = event->pid;
	writer->from = event->at;
	return writer;
}

/* What the target did not make as a socket, a pipe, an eventfd …: its output, and files. */
static bool is_log(const struct event *event, const struct file *file)
{
	return call_class((enum call)event->what) == CLASS_WRITE && event->ret > 0 && file &&
	       file->kind == FILE_OTHER && event->what != CALL_splice && event->what != CALL_sendfile &&
	       !(event->flags & EVF_INJECTED);
}

/* Whether the target logs as much for what happens when nothing is wrong. */
static bool is_usual(const struct flood *flood, const struct tally *now)
{
	const struct tally *base = &flood->base;

	return base->moves && base->moved &&
	       (now->records + 1) / (now->moves + 1) <= 4 * (base->records / base->moves) &&
	       (now->logged + 1) / (now->moved + 1) <= 4 * (base->logged / base->moved);
}

static bool is_flood(const struct tally *now)
{
	if (now->logged >= LIMIT_FLOOD_BYTES && now->logged / 4 >= now->moved)
		return true;
	return now->records >= LIMIT_FLOOD_RECORDS && now->logged >= LIMIT_FLOOD_VAIN &&
	       now->records / LIMIT_FLOOD_RATIO > now->moves;
}

static void look(struct flood *flood, const struct judge *judge, const struct writer *writer,
		 const struct file *file)
{
	const struct tally *now = &writer->tally;
	uint64_t at = world_now(judge_world(judge));

	if (!is_flood(now) || is_usual(flood, now) || (flood->found && now->logged <= flood->worst.count))
		return;
	if (!flood->found)
		flood->worst = finding_make(judge, &rules[0]);
	flood->found = true;
	flood->worst.pid = writer->pid;
	flood->worst.from = writer->from;
	flood->worst.to = at;
	flood->worst.count = now->logged;
	(void)snprintf(flood->worst.message, sizeof(flood->worst.message),
		       "%.1f KiB in %llu records written to fd %d in %.2f s, while %llu things happened on "
		       "connections",
		       (double)now->logged / 1024, (unsigned long long)now->records, file->fd,
		       clock_seconds(at - writer->from), (unsigned long long)now->moves);
}

static void write_log(struct flood *flood, const struct judge *judge, struct writer *writer,
		      const struct event *event)
{
	const struct world *world = judge_world(judge);
	bool base = world_phase(world) == MARK_BASE;
	struct tally *tally = base ? &flood->base : &writer->tally;

	if (event->at >= writer->from + judge_window(judge, NS_PER_S)) {
		writer->from = event->at;
		writer->tally = (struct tally){0};
	}
	tally->records++;
	tally->logged += (uint64_t)event->ret;
	if (!base && world_mark_time(world, MARK_FAULT))
		look(flood, judge, writer, world_touch(world)->file);
}

static void move(struct flood *flood, const struct world *world, struct writer *writer,
		 const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);
	struct tally *tally = world_phase(world) == MARK_BASE ? &flood->base : &writer->tally;

	tally->moves++;
	tally->moved += class == CLASS_READ || class == CLASS_WRITE ? (uint64_t)event->ret : 0;
}

static int flood_event(struct judge *judge, void *state, const struct event *event)
{
	const struct world *world = judge_world(judge);
	struct flood *flood = state;
	struct writer *writer;
	const struct file *file = world_touch(world)->file;

	if (event->kind != EV_CALL || world_mark_time(world, MARK_STOP))
		return 0;
	if (!is_log(event, file) && !deed_moves(event))
		return 0;
	writer = writer_of(flood, event);
	if (!writer)
		return -ENOMEM;
	if (is_log(event, file))
		write_log(flood, judge, writer, event);
	else if (!file || file->kind != FILE_OTHER)
		move(flood, world, writer, event);
	return 0;
}

static int flood_finish(struct judge *judge, void *state)
{
	const struct flood *flood = state;

	return flood->found ? judge_report(judge, &flood->worst) : 0;
}

static void flood_release(void *state)
{
	struct flood *flood = state;

	map_free_all(&flood->writers);
}

static bool flood_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return contents->written < LIMIT_FLOOD_VAIN;
}

const struct rule_family flood_family = {
    .name = "flood",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct flood),
    .silent = flood_silent,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_READ) | CLASS(CLASS_WRITE) | CLASS(CLASS_ACCEPT) | CLASS(CLASS_CONNECT) |
	       CLASS(CLASS_SHUTDOWN) | CLASS(CLASS_CLOSE),
    .event = flood_event,
    .finish = flood_finish,
    .release = flood_release,
};
