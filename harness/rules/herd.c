/* SPDX-License-Identifier: MIT */
/* One connection, many waiters woken for it: all but one find the queue empty. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "herd",
	.severity = SEVERITY_WARNING,
	.by_absence = true,
	.doc = "one connection wakes many waiters, and most of them find nothing to accept",
	.why = "With as many workers as cores every connection costs a wake-up on each core for one accept. "
	       "Under many short connections the machine is busy with waking, and the caches are cold when "
	       "work comes.",
	.how = "Counted are wake-ups for a listening socket: those whose thread then accepted somebody, and "
	       "those whose first accept found nobody (EAGAIN). The rule is broken when at least 16 found "
	       "nobody, they are more than those that did, and three or more threads or processes shared "
	       "them. Time does not enter, and a machine with few cores only shows fewer of them. Wake-ups "
	       "of registrations with EPOLLEXCLUSIVE, and those that wringer made, do not count; the last "
	       "accept of a loop that accepted somebody is as it should be.",
	.mend = "Register a listener that several epoll instances share with EPOLLEXCLUSIVE, or give each "
		"worker a listener of its own (SO_REUSEPORT). Threads that share one epoll instance: EPOLLET "
		"or EPOLLONESHOT.",
	.seen = "nginx 96c342e56; haproxy d9e7e36c6",
    },
};

/* A thread, and the listener it was woken for and has not tried yet. */
struct waiter {
	struct file *woken;
	bool futile; /* ever */
};

struct herd {
	struct map waiters; /* tid -> struct waiter */
	uint64_t futile, fruitful;
	uint64_t futile_tids;
	struct file *listener; /* of the last futile one */
	uint64_t first, last;
};

static struct waiter *waiter_of(struct herd *herd, int32_t tid)
{
	struct waiter *waiter = map_get(&herd->waiters, (uint32_t)tid);

	if (waiter)
		return waiter;
	waiter = calloc(1, sizeof(*waiter));
	if (waiter && map_put(&herd->waiters, (uint32_t)tid, waiter) < 0) {
		free(waiter);
		waiter = NULL;
	}
	return waiter;
}

static int woken(struct herd *herd, const struct world *world, const struct event *event)
{
	const struct touch *touch = world_touch(world);
	struct waiter *waiter = waiter_of(herd, event->tid);

	if (!waiter)
		return -ENOMEM;
	waiter->woken = NULL;
	for (uint32_t i = 0; i < touch->report_count && !(event->flags & EVF_INJECTED); i++) {
		const struct report *report = &touch->reports[i];

		if (report->file && report->file->kind == FILE_LISTENER && (report->events & EPOLLIN) &&
		    !(report->asked & EPOLLEXCLUSIVE))
			waiter->woken = report->file;
	}
	return 0;
}

static void tried(struct herd *herd, const struct touch *touch, const struct event *event)
{
	struct waiter *waiter = map_get(&herd->waiters, (uint32_t)event->tid);

	if (!waiter || !waiter->woken || waiter->woken != touch->file)
		return;
	waiter->woken = NULL;
	if (event->flags & EVF_INJECTED)
		return;
	herd->fruitful += event->ret >= 0;
	if (event->ret != -EAGAIN)
		return;
	herd->futile_tids += !waiter->futile;
	waiter->futile = true;
	herd->futile++;
	herd->listener = touch->file;
	herd->last = event->at;
	if (!herd->first)
		herd->first = event->at;
}

static int herd_event(struct judge *judge, void *state, const struct event *event)
{
	const struct world *world = judge_world(judge);
	struct herd *herd = state;

	if (event->kind != EV_CALL)
		return 0;
	if (call_class((enum call)event->what) == CLASS_WAIT)
		return woken(herd, world, event);
	if (call_class((enum call)event->what) == CLASS_ACCEPT)
		tried(herd, world_touch(world), event);
	return 0;
}

static int herd_finish(struct judge *judge, void *state)
{
	const struct herd *herd = state;
	struct finding finding;

	if (herd->futile < LIMIT_HERD_COUNT || herd->futile <= herd->fruitful ||
	    herd->futile_tids < LIMIT_HERD_WAITERS)
		return 0;
	finding = finding_make(judge, &rules[0]);
	finding_about(&finding, judge, herd->listener);
	finding.at = finding.from = herd->first;
	finding.to = herd->last;
	finding.count = herd->futile;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "fd %d: %llu wake-ups found nobody to accept, %llu did; %llu threads or processes wait "
	    "for the same listener",
	    finding.fd, (unsigned long long)herd->futile, (unsigned long long)herd->fruitful,
	    (unsigned long long)herd->futile_tids);
	return judge_report(judge, &finding);
}

static void herd_release(void *state)
{
	struct herd *herd = state;

	map_free_all(&herd->waiters);
}

static bool herd_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->crowd;
}

const struct rule_family herd_family = {
    .name = "herd",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct herd),
    .silent = herd_silent,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_WAIT) | CLASS(CLASS_ACCEPT),
    .event = herd_event,
    .finish = herd_finish,
    .release = herd_release,
};
