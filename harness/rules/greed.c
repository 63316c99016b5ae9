/* SPDX-License-Identifier: MIT */
/* One peer that always has something to say, and a loop that listens to it alone. */
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
	.id = "starvation",
	.severity = SEVERITY_WARNING,
	.doc = "one greedy peer is served on and on while somebody else's request waits",
	.why = "A loop that serves a connection for as long as it has something to read or room to write "
	       "gives one fast client the whole server. The others wait, not because there is too much to "
	       "do, but because it is done in the wrong order.",
	.how = "From the moment a healthy client's request was sent until the target reads it, the work is "
	       "counted that the thread which reads it does for any one other connection. 2 MiB in 128 calls "
	       "or more are too much. It is work that is counted, not time: a slow machine, a long "
	       "computation, and a single big call are innocent, and so is a thread that serves somebody "
	       "else meanwhile, or that waited again and was not told of the request.",
	.mend = "Give each connection a share of a turn, 64 KiB say, and come back to it after the others. "
		"Level-triggered, the next wait reports it again by itself; edge-triggered, keep a list of "
		"those that are still ready.",
	.seen = "redis 6f3767292",
    },
};

/* What one connection was given since the request was sent. */
struct share {
	struct file *file;
	int32_t tid;
	uint64_t bytes, calls;
	/* Of that, until the widest of the thread's polls (the last of several) that did not tell of the
	 * request. */
	uint64_t polled_bytes, polled_calls, width;
};

struct greed {
	const struct facts *facts; /* first: facts_begin */
	bool pending;		   /* a request of the canary's waits */
	int32_t peer;		   /* whose */
	uint64_t since;
	bool told;	   /* since then a wait told some thread of it */
	struct map shares; /* file id -> struct share */
	struct finding worst;
	uint64_t times;
};

static void forget(struct greed *greed)
{
	struct share *share;
	size_t at = 0;

	while ((share = map_next(&greed->shares, &at, NULL)))
		file_drop(share->file);
	map_free_all(&greed->shares);
	greed->pending = false;
}

static int give(struct greed *greed, struct file *file, const struct event *event)
{
	struct share *share = map_get(&greed->shares, file->id);

	if (!share) {
		share = calloc(1, sizeof(*share));
		if (!share || map_put(&greed->shares, file->id, share) < 0) {
			free(share);
			return -ENOMEM;
		}
		*share = (struct share){.file = file, .tid = event->tid};
		file_hold(file); /* closed, it may have been the greediest all the same */
	}
	if (share->tid != event->tid)
		*share = (struct share){.file = file, .tid = event->tid};
	share->bytes += (uint64_t)event->ret;
	share->calls++;
	return 0;
}

static const struct share *greediest(const struct greed *greed, int32_t tid)
{
	const struct share *most = NULL, *share;
	size_t at = 0;

	while ((share = map_next(&greed->shares, &at, NULL))) {
		if (share->tid == tid && (!most || share->bytes > most->bytes ||
					  (share->bytes == most->bytes && share->file->id < most->file->id)))
			most = share;
	}
	return most;
}

/* Whose accepts fail rests from accepting for a while, which may have begun before the request came: then
 * that is what it waited for. */
static bool may_rest(const struct greed *greed, const struct judge *judge)
{
	const struct hand *hand = &greed->facts->hand;
	uint64_t failed = hand->accept_bent > hand->fds_short ? hand->accept_bent : hand->fds_short;

	return failed && failed + judge_window(judge, LIMIT_SHORTAGE_WINDOW) >= greed->since;
}

/* The request is read at last. */
static void judge_wait(struct judge *judge, struct greed *greed, const struct event *event)
{
	const struct share *share = greediest(greed, event->tid);
	struct finding finding;
	char who[FACTS_WHO];

	if (!share || share->bytes < LIMIT_GREED_BYTES || share->calls < LIMIT_GREED_CALLS ||
	    !facts_free(greed->facts, event->at, judge_window(judge, LIMIT_LOST_WINDOW)))
		return;
	if (may_rest(greed, judge))
		return;
	greed->times++;
	if (greed->times > 1 && share->bytes <= greed->worst.count)
		return;
	finding = finding_make(judge, &rules[0]);
	finding_about(&finding, judge, share->file);
	finding.from = greed->since;
	finding.to = event->at;
	finding.count = share->bytes;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s was given %.1f MiB in %llu calls while a healthy client's request waited for %.1f ms",
	    facts_who(&finding, who, sizeof(who)), (double)share->bytes / 1048576,
	    (unsigned long long)share->calls, clock_seconds(event->at - greed->since) * 1000);
	greed->worst = finding;
}

/* Whether the file is the one the request comes by: its connection, or, before that is accepted, a listener.
 */
static bool leads_to(const struct greed *greed, const struct world *world, const struct file *file)
{
	const struct peer_view *peer = world_peer(world, greed->peer);

	if (!file)
		return false;
	return peer && peer->conn ? file == peer->conn : file->kind == FILE_LISTENER;
}

static bool was_told(const struct greed *greed, const struct world *world)
{
	const struct touch *touch = world_touch(world);

	for (uint32_t i = 0; i < touch->report_count; i++)
		if (leads_to(greed, world, touch->reports[i].file))
			return true;
	return false;
}

/* Only a set that holds it could have told: a poll of one busy connection says nothing about the others. */
static bool could_tell(const struct greed *greed, const struct world *world)
{
	const struct file *set = world_touch(world)->file;

	if (!set || set->kind != FILE_EPOLL)
		return false;
	for (const struct reg *reg = set->members; reg; reg = reg->epoll_next)
		if (leads_to(greed, world, reg->file))
			return true;
	return false;
}

/*
 * The same of poll and select, which say how many they asked about and not whom: it shows by the one that
 * tells at last. One as wide before it could have told as well; a poll of one busy connection could not.
 */
static void follow_poll(struct greed *greed, bool tells, const struct event *event)
{
	struct share *share;
	size_t at = 0;

	while ((share = map_next(&greed->shares, &at, NULL))) {
		if (share->tid != event->tid)
			continue;
		if (tells && share->width >= event->arg[0]) {
			share->bytes -= share->polled_bytes;
			share->calls -= share->polled_calls;
		} else if (!tells && event->arg[0] >= share->width) {
			share->polled_bytes = share->bytes;
			share->polled_calls = share->calls;
			share->width = event->arg[0];
		}
	}
}

/*
 * A thread that asked the kernel and was not told of the request has kept nobody waiting so far: another
 * thread has it, or has not armed it again.
 */
static void follow_wait(struct greed *greed, const struct world *world, const struct event *event)
{
	struct share *share;
	bool told = greed->told;
	size_t at = 0;

	greed->told |= was_told(greed, world);
	if (!told && event->fd < 0)
		follow_poll(greed, greed->told, event);
	if (greed->told || !could_tell(greed, world))
		return;
	while ((share = map_next(&greed->shares, &at, NULL)))
		if (share->tid == event->tid)
			share->bytes = share->calls = 0;
}

static int follow_call(struct judge *judge, struct greed *greed, const struct event *event)
{
	struct file *file = world_touch(judge_world(judge))->file;
	enum call_class class = call_class((enum call)event->what);
	bool many = event->what == CALL_recvmmsg || event->what == CALL_sendmmsg;

	if (class == CLASS_WAIT)
		follow_wait(greed, judge_world(judge), event);
	if (!file || file->kind != FILE_CONN || (class != CLASS_READ && class != CLASS_WRITE) || many)
		return 0;
	if (file->peer == greed->peer) {
		if (class == CLASS_READ)
			judge_wait(judge, greed, event);
		forget(greed);
		return 0;
	}
	return deed_moves(event) ? give(greed, file, event) : 0;
}

static void follow_canary(struct greed *greed, const struct event *event)
{
	bool over = event->what == PEER_ANSWER || event->what == PEER_UNANSWERED ||
		    event->what == PEER_GONE || event->what == PEER_CUT;

	if (event->what == PEER_REQUEST && !greed->pending) {
		greed->pending = true;
		greed->peer = event->peer;
		greed->since = event->at;
		greed->told = false;
	} else if (over && greed->pending && event->peer == greed->peer) {
		forget(greed);
	}
}

static int greed_event(struct judge *judge, void *state, const struct event *event)
{
	struct greed *greed = state;

	if (event->kind == EV_PEER && (event->flags & EVF_CANARY))
		follow_canary(greed, event);
	return event->kind == EV_CALL && greed->pending ? follow_call(judge, greed, event) : 0;
}

static int greed_finish(struct judge *judge, void *state)
{
	const struct greed *greed = state;

	return greed->times ? judge_report(judge, &greed->worst) : 0;
}

static void greed_release(void *state)
{
	struct greed *greed = state;

	forget(greed);
}

static bool greed_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return contents->moved < LIMIT_GREED_BYTES;
}

const struct rule_family greed_family = {
    .name = "greed",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct greed),
    .silent = greed_silent,
    .begin = facts_begin,
    .kinds = KIND(EV_PEER) | KIND(EV_CALL),
    .event = greed_event,
    .finish = greed_finish,
    .release = greed_release,
};
