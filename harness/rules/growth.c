/* SPDX-License-Identifier: MIT */
/* Fds that grow from round to round of a scenario that does the same again and again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/clock.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "fd-growth",
	.severity = SEVERITY_ERROR,
	.doc = "open fds grow with every identical round although every peer of it is gone",
	.why = "A leak too slow to be seen on one connection: a pipe, a file, an upstream socket or the "
	       "connection itself is left behind each time. The server works until it reaches its limit of "
	       "open files, then refuses everybody.",
	.how = "A repeating scenario marks the end of each round, when all of its peers are gone, with the "
	       "number of the target's open fds. The first round is not counted, it fills pools and caches. "
	       "Over at least three more the fds must rise in every round, by half an fd a peer or more "
	       "(least squares). Growth that is gone again when the case is quiet was only late.",
	.mend = "Compare /proc/PID/fd between two rounds: what kind of fd grows says which path forgets to "
		"close. Look first at the paths that leave early: errors after accept, a failed epoll_ctl, "
		"a peer that goes before its answer.",
	.seen = "lighttpd eb37615a; nginx ticket #2455",
    },
};

struct sample {
	uint64_t at, fds;
	double peers; /* used up to and with this round */
};

struct growth {
	const struct facts *facts; /* first: facts_begin */
	struct sample *samples;
	size_t count, capacity;
	uint64_t quiet_fds; /* once quiet, all processes; 0 unknown */
};

static int take(struct growth *growth, const struct event *event)
{
	struct sample *samples =
	    array_grow(growth->samples, growth->count, &growth->capacity, sizeof(*samples));
	double before;

	if (!samples)
		return -ENOMEM;
	growth->samples = samples;
	/* A second run of rounds starts anew. */
	if (event->arg[0] == 0)
		growth->count = 0;
	before = growth->count ? samples[growth->count - 1].peers : 0;
	samples[growth->count++] = (struct sample){event->at, event->arg[2], before + (double)event->arg[1]};
	return 0;
}

/* Fds a peer, by least squares over the samples from the second on. */
static double slope(const struct sample *samples, size_t count)
{
	double n = (double)count, x = 0, y = 0, xx = 0, xy = 0;

	for (size_t i = 0; i < count; i++) {
		x += samples[i].peers;
		y += (double)samples[i].fds;
		xx += samples[i].peers * samples[i].peers;
		xy += samples[i].peers * (double)samples[i].fds;
	}
	/* n·xx - x² is 0 when no round used a peer. */
	return n * xx - x * x > 0 ? (n * xy - x * y) / (n * xx - x * x) : 0;
}

static bool rises(const struct sample *samples, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (samples[i].fds <= samples[i - 1].fds)
			return false;
	return true;
}

static int growth_round(struct judge *judge, void *state)
{
	struct growth *growth = state;
	const struct ground *ground = &growth->facts->ground;

	(void)judge;
	if (ground->phase != MARK_QUIET)
		return 0;
	growth->quiet_fds = 0;
	for (size_t i = 0; i < ground->process_count; i++)
		growth->quiet_fds += ground->processes[i].fds;
	return 0;
}

static int growth_event(struct judge *judge, void *state, const struct event *event)
{
	struct growth *growth = state;

	(void)judge;
	return event->what == MARK_SAMPLE && !growth->facts->hand.stop_asked ? take(growth, event) : 0;
}

static int growth_finish(struct judge *judge, void *state)
{
	struct growth *growth = state;
	const struct sample *first, *last;
	struct finding finding;
	size_t count;
	double rate;

	if (growth->count < 1 + LIMIT_GROWTH_ROUNDS || facts_died(judge))
		return 0;
	first = growth->samples + 1;
	count = growth->count - 1;
	last = first + count - 1;
	rate = slope(first, count);
	if (!rises(first, count) || rate < LIMIT_GROWTH_SLOPE)
		return 0;
	if (growth->quiet_fds && growth->quiet_fds < first->fds + (last->fds - first->fds) / 2)
		return 0;
	finding = finding_make(judge, &rules[0]);
	finding.at = last->at;
	finding.from = first->at;
	finding.to = last->at;
	finding.count = last->fds - first->fds;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "open fds rose from %llu to %llu over %zu identical rounds of %.0f peers in all: %.2f fds a peer",
	    (unsigned long long)first->fds, (unsigned long long)last->fds, count,
	    last->peers - growth->samples[0].peers, rate);
	return judge_report(judge, &finding);
}

static void growth_release(void *state)
{
	struct growth *growth = state;

	free(growth->samples);
}

/* The first sample is what the others are compared with. */
static bool growth_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return contents->samples < 1 + LIMIT_GROWTH_ROUNDS;
}

const struct rule_family growth_family = {
    .name = "growth",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct growth),
    .silent = growth_silent,
    .begin = facts_begin,
    .round = growth_round,
    .kinds = KIND(EV_MARK),
    .event = growth_event,
    .finish = growth_finish,
    .release = growth_release,
};
