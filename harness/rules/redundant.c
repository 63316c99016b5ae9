/* SPDX-License-Identifier: MIT */
/* Calls of epoll_ctl that buy nothing: a MOD to what is armed already, a DEL and an ADD around each request.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "redundant-ctl",
	.severity = SEVERITY_INFO,
	.doc = "epoll_ctl calls that change nothing, or that take a connection out and put it back for each "
	       "request",
	.why = "Each is a system call and a lock of the epoll instance. At one an event they are a third of "
	       "the calls a small request costs, and nobody is served by them.",
	.how = "Two things are counted on accepted connections: a MOD that asks for the mask and the data "
	       "that are armed already, and an ADD of a connection that was taken out of the same set "
	       "before. The rule is broken by 16 of one kind, if there was one for every second event that "
	       "was reported for connections. A MOD that arms a one-shot registration again, or one of an "
	       "edge-triggered registration, which makes the kernel look again, is meant; one after ERR or "
	       "HUP was reported does not come again. A pause for "
	       "back-pressure by DEL and ADD is too rare to count. Targets with an io_uring may change "
	       "registrations through it, unseen, and are not judged.",
	.mend = "Remember in the connection what is armed, and call epoll_ctl only when that differs. With "
		"libevent, use EV_PERSIST instead of adding the event again in its own callback.",
	.seen = "zio #510",
    },
};

enum waste { SAME_MASK, OUT_AND_IN, WASTES };

/* What was wasted on one connection. */
struct spent {
	struct file *file;
	uint64_t count[WASTES];
	uint64_t first, last;
	const struct file *left; /* the epoll it was taken out of, and not put back yet */
};

/* The connection it was worst on, as it was when it was forgotten, or at the end. */
struct worst {
	uint64_t count, first, last;
	struct finding about; /* who it was */
};

struct redundant {
	struct map spent;	    /* file id -> struct spent */
	struct worst worst[WASTES]; /* of those forgotten */
	uint64_t count[WASTES];
	uint64_t reports; /* of connections */
	bool ring;
};

static struct spent *spent_of(struct redundant *redundant, struct file *file)
{
	struct spent *spent = map_get(&redundant->spent, file->id);

	if (spent)
		return spent;
	spent = calloc(1, sizeof(*spent));
	if (!spent || map_put(&redundant->spent, file->id, spent) < 0) {
		free(spent);
		return NULL;
	}
	spent->file = file;
	return spent;
}

static void note(struct redundant *redundant, struct spent *spent, enum waste waste, uint64_t at)
{
	redundant->count[waste]++;
	spent->count[waste]++;
	spent->last = at;
	if (!spent->first)
		spent->first = at;
}

static int follow_ctl(struct redundant *redundant, const struct world *world, const struct event *event)
{
	const struct touch *touch = world_touch(world);
	struct spent *spent;

	if (event->ret < 0 || !touch->file || !touch->reg || touch->file->kind != FILE_CONN)
		return 0;
	spent = spent_of(redundant, touch->file);
	if (!spent)
		return -ENOMEM;
	if (event->arg[1] == EPOLL_CTL_DEL) {
		spent->left = touch->reg->epoll;
	} else if (event->arg[1] == EPOLL_CTL_ADD) {
		if (spent->left == touch->reg->epoll)
			note(redundant, spent, OUT_AND_IN, event->at);
		spent->left = NULL;
	} else if (promise_tells_death(touch->file->reported)) {
		/* the end of a connection: libev answers HUP with one MOD before it closes */
	} else if (!touch->reg_changed && promise_mod_is_idle(touch->reg->events)) {
		note(redundant, spent, SAME_MASK, event->at);
	}
	return 0;
}

static int redundant_event(struct judge *judge, void *state, const struct event *event)
{
	struct redundant *redundant = state;
	const struct world *world = judge_world(judge);
	const struct touch *touch = world_touch(world);

	if (event->kind != EV_CALL || world_mark_time(world, MARK_STOP))
		return 0;
	redundant->ring |= event->what == CALL_io_uring_setup && event->ret >= 0;
	for (uint32_t i = 0; i < touch->report_count; i++)
		redundant->reports += touch->reports[i].file && touch->reports[i].file->kind == FILE_CONN;
	return event->what == CALL_epoll_ctl ? follow_ctl(redundant, world, event) : 0;
}

/* Of equals the oldest is the worst. */
static void compare(const struct judge *judge, struct redundant *redundant, const struct spent *spent)
{
	for (int waste = 0; waste < WASTES; waste++) {
		struct worst *worst = &redundant->worst[waste];
		uint64_t count = spent->count[waste];

		if (!count || count < worst->count ||
		    (count == worst->count && spent->file->id > worst->about.file))
			continue;
		*worst = (struct worst){
		    .count = count,
		    .first = spent->first,
		    .last = spent->last,
		    .about = finding_make(judge, &rules[0]),
		};
		finding_about(&worst->about, judge, spent->file);
	}
}

static int report(struct judge *judge, const struct redundant *redundant, enum waste waste)
{
	static const char *const what[WASTES] = {
	    [SAME_MASK] = "MODs asked for what was armed already",
	    [OUT_AND_IN] = "times a connection was taken out of the set and put back",
	};
	const struct worst *worst = &redundant->worst[waste];
	struct finding finding = worst->about;
	char who[FACTS_WHO];

	finding.tid = finding_make(judge, &rules[0]).tid;
	finding.at = finding.from = worst->first;
	finding.to = worst->last;
	finding.count = redundant->count[waste];
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%llu %s, for %llu events of connections; %llu of them on %s",
		       (unsigned long long)redundant->count[waste], what[waste],
		       (unsigned long long)redundant->reports, (unsigned long long)worst->count,
		       facts_who(&finding, who, sizeof(who)));
	return judge_report(judge, &finding);
}

static int redundant_finish(struct judge *judge, void *state)
{
	struct redundant *redundant = state;
	const struct spent *spent;
	size_t at = 0;
	int r = 0;

	while ((spent = map_next(&redundant->spent, &at, NULL)))
		compare(judge, redundant, spent);
	for (int waste = 0; waste < WASTES && r == 0 && !redundant->ring; waste++) {
		if (redundant->count[waste] >= LIMIT_REDUNDANT_COUNT &&
		    redundant->count[waste] * 2 >= redundant->reports)
			r = report(judge, redundant, (enum waste)waste);
	}
	return r;
}

static void redundant_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct redundant *redundant = state;
	struct spent *spent = map_remove(&redundant->spent, file->id);

	if (spent)
		compare(judge, redundant, spent);
	free(spent);
}

static void redundant_release(void *state)
{
	struct redundant *redundant = state;

	map_free_all(&redundant->spent);
}

static bool redundant_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return contents->classes[CLASS_CTL] < LIMIT_REDUNDANT_COUNT;
}

const struct rule_family redundant_family = {
    .name = "redundant",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct redundant),
    .silent = redundant_silent,
    .farewell = redundant_farewell,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_WAIT) | CLASS(CLASS_CTL) | CLASS(CLASS_RING),
    .event = redundant_event,
    .finish = redundant_finish,
    .release = redundant_release,
};
