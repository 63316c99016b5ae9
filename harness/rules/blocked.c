/* SPDX-License-Identifier: MIT */
/*
 * Loops that block somewhere else than in their wait. A healthy client has waited for a second; the threads
 * were looked at then (PROBE_THREAD), and the one that should serve it sleeps inside another call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "loop-blocked",
	.severity = SEVERITY_ERROR,
	.doc = "the thread that waits on epoll sits in another blocking call while a healthy client waits",
	.why =
	    "An event loop serves everybody from one thread, so whatever it waits for elsewhere, all wait "
	    "for: "
	    "a read on a socket that was left blocking, a write that must become whole, a connect, a name "
	    "lookup, a lock, a sleep before the next try. One client that stops in the middle of its request "
	    "then stops the service for as long as it likes.",
	.how = "When a request of the canary has waited for 1 s, every thread of the target is looked at. "
	       "The rule "
	       "is broken when the thread that waits on the epoll which holds the canary's connection (or, "
	       "while "
	       "that is not accepted, the listener) is asleep ('S' or 'D' in /proc) inside another call than "
	       "that "
	       "wait, has been in it since before the second began, and no other thread waits on that epoll. "
	       "poll and select on the side count as such a call. Worker threads, which do not wait on that "
	       "epoll, "
	       "may block. It is silent while the target is stopped by a signal of ours, held back by a "
	       "fault, or "
	       "asked to end.",
	.mend = "Make every fd of the loop non-blocking, the accepted ones too (accept4 with SOCK_NONBLOCK: "
		"they do "
		"not inherit it), and keep what could not be read or written in the connection. What cannot "
		"be done "
		"without blocking (files on slow disks, name lookups, locks held for long) belongs into a "
		"thread of "
		"its own that tells the loop through an eventfd; a pause is a timer of the loop.",
	.seen = "",
    },
};

#define CALL_TEXT   24
#define CLOCK_SLACK (50 * NS_PER_MS) /* the two sides stamp one after the other */

/* What a thread waited on with epoll, and what it was found in. */
struct waiter {
	int32_t tid;
	struct file *epoll;  /* of its last epoll wait */
	bool found, over;    /* it blocked; and came back from it */
	uint64_t held_until; /* a fault holds it back until then: our doing */
	char call[CALL_TEXT];
	struct finding finding; /* for the end */
};

struct blocked {
	const struct facts *facts; /* first: facts_begin */
	struct map waiters;	   /* tid -> struct waiter */
};

static struct waiter *waiter_of(struct blocked *blocked, const struct event *event)
{
	struct waiter *waiter = map_get(&blocked->waiters, (uint32_t)event->tid);

	if (waiter)
		return waiter;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter || map_put(&blocked->waiters, (uint32_t)event->tid, waiter) < 0) {
		free(waiter);
		return NULL;
	}
	waiter->tid = event->tid;
	return waiter;
}

static int follow_wait(struct blocked *blocked, const struct judge *judge, const struct event *event)
{
	struct file *epoll = event->fd < 0 ? NULL : world_file(judge_world(judge), event->pid, event->fd);
	struct waiter *waiter;

	if (!epoll || call_class((enum call)event->what) != CLASS_WAIT)
		return 0;
	waiter = waiter_of(blocked, event);
	if (!waiter)
		return -ENOMEM;
	waiter->epoll = epoll;
	return 0;
}

static bool holds(const struct file *epoll, const struct file *file)
{
	for (const struct reg *reg = file->regs; reg; reg = reg->file_next)
		if (reg->epoll == epoll)
			return true;
	return false;
}

/* Whether the epoll holds a listener that peers come to. */
static bool listens(const struct world *world, const struct file *epoll)
{
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at)))
		if (file->kind == FILE_LISTENER && !file->closed &&
		    (!file->port || !world_port(world) || file->port == world_port(world)) &&
		    holds(epoll, file))
			return true;
	return false;
}

static bool serves(const struct world *world, const struct file *epoll, const struct peer_view *client)
{
	return client->conn ? holds(epoll, client->conn) : listens(world, epoll);
}

/* A healthy client that has waited long enough at that moment, for an answer or to be accepted. */
static bool waits(const struct blocked *blocked, const struct judge *judge, const struct peer_view *peer,
		  uint64_t now)
{
	const struct diary_page *page = diary_page(&blocked->facts->diary, peer->id);
	uint64_t since = peer->requests > peer->answers ? page->request_at : peer->connected_at;

	if (!peer->canary || peer->gone || peer->got_fin || peer->got_rst || !since)
		return false;
	if (peer->requests <= peer->answers && (peer->conn || peer->requests))
		return false;
	return since + judge_window(judge, LIMIT_BLOCKED_WINDOW) <= now + CLOCK_SLACK;
}

/* Somebody else may serve the client: the thread is not what it waits for. */
static bool another_waits(const struct blocked *blocked, const struct world *world,
			  const struct waiter *waiter, const struct peer_view *client)
{
	const struct waiter *other;
	size_t at = 0;

	while ((other = map_next(&blocked->waiters, &at, NULL))) {
		const struct thread *thread = world_thread(world, other->tid);

		if (other != waiter && thread && thread->alive && thread->wait_fd >= 0 &&
		    thread->waiting != CALL_unknown && serves(world, other->epoll, client))
			return true;
	}
	return false;
}

/* The client that this thread should have served, NULL none. */
static const struct peer_view *client_of(const struct blocked *blocked, const struct judge *judge,
					 const struct waiter *waiter, uint64_t now)
{
	const struct world *world = judge_world(judge);
	const struct peer_view *peer;
	size_t at = 0;

	while ((peer = world_next_peer(world, &at)))
		if (waits(blocked, judge, peer, now) && serves(world, waiter->epoll, peer) &&
		    !another_waits(blocked, world, waiter, peer))
			return peer;
	return NULL;
}

/* Asleep for a good while, and not in its epoll wait. */
static bool is_stuck(const struct judge *judge, const struct thread *thread, const struct event *event)
{
	bool in_epoll = thread->waiting != CALL_unknown && thread->wait_fd >= 0;

	return !in_epoll && (event->arg[0] == 'S' || event->arg[0] == 'D') &&
	       thread->last_event + judge_window(judge, LIMIT_BLOCKED_WINDOW) / 2 <= event->at;
}

static void name_call(struct waiter *waiter, const struct thread *thread, const struct event *event)
{
	enum call call = thread->waiting != CALL_unknown ? thread->waiting : (enum call)event->arg[1];

	if (call != CALL_unknown)
		(void)snprintf(waiter->call, sizeof(waiter->call), "%s", call_name(call));
	else if (event->size && event->data)
		(void)snprintf(waiter->call, sizeof(waiter->call), "%.*s", (int)event->size,
			       (const char *)event->data);
	else
		(void)snprintf(waiter->call, sizeof(waiter->call), "another call");
}

static void follow_thread(struct blocked *blocked, struct judge *judge, const struct event *event)
{
	const struct world *world = judge_world(judge);
	struct waiter *waiter = map_get(&blocked->waiters, (uint32_t)event->tid);
	const struct thread *thread = world_thread(world, event->tid);
	const struct peer_view *client;

	if (!waiter || waiter->found || event->at <= waiter->held_until || !thread || !thread->alive ||
	    !world_mark_time(world, MARK_FAULT) ||
	    !facts_free(blocked->facts, event->at, judge_window(judge, LIMIT_BLOCKED_WINDOW)) ||
	    hand_told(&blocked->facts->hand, event->pid) || !is_stuck(judge, thread, event))
		return;
	client = client_of(blocked, judge, waiter, event->at);
	if (!client)
		return;
	waiter->found = true;
	waiter->finding = finding_make(judge, &rules[0]);
	if (world_touch(world)->file)
		finding_about(&waiter->finding, judge, world_touch(world)->file);
	waiter->finding.pid = event->pid;
	waiter->finding.tid = event->tid;
	waiter->finding.fd = event->fd;
	waiter->finding.from = thread->last_event;
	waiter->finding.to = event->at;
	name_call(waiter, thread, event);
}

/* What the thread does next ends the call it was found in. */
static void follow_return(struct blocked *blocked, const struct event *event)
{
	struct waiter *waiter = map_get(&blocked->waiters, (uint32_t)event->tid);

	if (!waiter || !waiter->found || waiter->over)
		return;
	waiter->over = true;
	waiter->finding.to = event->at;
}

static void follow_fault(struct blocked *blocked, const struct event *event)
{
	struct waiter *waiter = map_get(&blocked->waiters, (uint32_t)event->tid);

	if (waiter && event->what == FAULT_DELIVERED && event->arg[1])
		waiter->held_until = event->at + event->arg[1];
}

static int blocked_event(struct judge *judge, void *state, const struct event *event)
{
	struct blocked *blocked = state;

	if (event->kind == EV_PROBE) {
		if (event->what == PROBE_THREAD)
			follow_thread(blocked, judge, event);
		return 0;
	}
	if (event->kind == EV_FAULT) {
		follow_fault(blocked, event);
		return 0;
	}
	follow_return(blocked, event);
	return follow_wait(blocked, judge, event);
}

static int report(struct judge *judge, struct waiter *waiter)
{
	struct finding *finding = &waiter->finding;
	char who[FACTS_WHO] = "", seconds[64];
	uint64_t to = finding->to;

	if (!waiter->over && world_mark_time(judge_world(judge), MARK_STOP) > to)
		to = finding->to = world_mark_time(judge_world(judge), MARK_STOP);
	if (finding->fd >= 0)
		(void)facts_who(finding, who, sizeof(who));
	(void)snprintf(seconds, sizeof(seconds), "%s%.2f s", waiter->over ? "" : "the remaining ",
		       clock_seconds(to - finding->from));
	(void)snprintf(
	    finding->message, sizeof(finding->message),
	    "thread %d, which waits on epoll, slept in %s%s%s for %s while a healthy client waited",
	    finding->tid, waiter->call, who[0] ? " on " : "", who, seconds);
	return judge_report(judge, finding);
}

static int blocked_finish(struct judge *judge, void *state)
{
	struct blocked *blocked = state;
	struct waiter *waiter;
	size_t at = 0;
	int r = 0;

	/* A loop that was left is no loop that blocks. */
	if (facts_died(judge))
		return 0;
	while (r == 0 && (waiter = map_next(&blocked->waiters, &at, NULL)))
		if (waiter->found)
			r = report(judge, waiter);
	return r;
}

static void blocked_release(void *state)
{
	struct blocked *blocked = state;

	map_free_all(&blocked->waiters);
}

static bool blocked_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->crowd && !contents->stuck;
}

const struct rule_family blocked_family = {
    .name = "blocked",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct blocked),
    .silent = blocked_silent,
    .begin = facts_begin,
    .kinds = KIND(EV_PROBE) | KIND(EV_CALL) | KIND(EV_ENTER) | KIND(EV_FAULT),
    .event = blocked_event,
    .finish = blocked_finish,
    .release = blocked_release,
};
