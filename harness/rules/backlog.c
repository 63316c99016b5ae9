/* SPDX-License-Identifier: MIT */
/* Handshakes that got lost although there should have been room for them. */
#include <stdio.h>
#include "base/clock.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "backlog-overflow",
	.severity = SEVERITY_WARNING,
	.doc = "handshakes are lost in a burst no larger than the backlog asked for",
	.why =
	    "A connection that finds the queue full is dropped without a word: the client tries again after "
	    "a second, then after two more. Nothing in the server's log says so, it is just slow at times.",
	.how = "A handshake took 0.9 s or longer on the same machine, where that can only be a packet sent "
	       "again, while the connections that were begun and not accepted, itself included, were no more "
	       "than the largest backlog the target asked listen for. A burst larger than that is not the "
	       "target's promise. Nothing is said when our own loop was late.",
	.mend =
	    "listen() may be called again on a listening socket, and the last backlog counts: look for a "
	    "second call. The kernel cuts the backlog to net.core.somaxconn; with SO_REUSEPORT each listener "
	    "has a queue of its own.",
	.seen = "",
    },
};

struct backlog {
	struct map asked; /* listener's file id -> the largest backlog, + 1, as a pointer */
	uint64_t kept;	  /* what the kernel says it keeps, 0 unknown */
	uint64_t last;	  /* time of the last thing a peer did: our own loop was alive */
	uint64_t lost;
	struct finding first;
};

/* The least that a listener on the target's port asked for at its best. */
static uint64_t asked_for(const struct backlog *backlog, const struct world *world)
{
	uint64_t least = UINT64_MAX;
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at))) {
		uintptr_t asked = (uintptr_t)map_get(&backlog->asked, file->id);

		if (asked && !file->closed && file->port == world_port(world) && asked - 1 < least)
			least = asked - 1;
	}
	return least == UINT64_MAX ? 0 : least;
}

/*
 * Connections on their way or in the queue when that one began, itself included. One that was reset or closed
 * before anybody accepted it stays in the queue, and takes its place there until somebody does.
 */
static uint64_t pending_at(const struct world *world, const struct peer_view *late)
{
	const struct peer_view *peer;
	uint64_t pending = 0;
	size_t at = 0;

	while ((peer = world_next_peer(world, &at))) {
		bool accepted = peer->conn && peer->conn->opened <= late->began;
		bool refused = !peer->connected && peer->ended_at && peer->ended_at < late->began;

		pending += peer->began <= late->began && !accepted && !refused;
	}
	return pending;
}

static void judge_late(struct judge *judge, struct backlog *backlog, const struct peer_view *peer,
		       uint64_t now)
{
	const struct world *world = judge_world(judge);
	bool late = peer->began + LIMIT_BACKLOG_LATE <= now;
	uint64_t asked = late ? asked_for(backlog, world) : 0, pending;

	if (!asked)
		return;
	pending = pending_at(world, peer);
	if (pending > asked || backlog->lost++)
		return;
	backlog->first = finding_make(judge, &rules[0]);
	backlog->first.peer = peer->id;
	backlog->first.from = peer->began;
	backlog->first.to = now;
	(void)snprintf(
	    backlog->first.message, sizeof(backlog->first.message),
	    "peer %s was not connected within %.2f s, with %llu connections waiting; a backlog of %llu "
	    "was asked for, the kernel keeps %llu",
	    peer->name, clock_seconds(now - peer->began), (unsigned long long)pending,
	    (unsigned long long)asked, (unsigned long long)backlog->kept);
}

static int follow_listen(struct backlog *backlog, const struct world *world, const struct event *event)
{
	const struct file *file = world_touch(world)->file;
	uintptr_t asked = (uintptr_t)(uint32_t)event->arg[0] + 1;

	if (event->ret < 0 || !file || (uintptr_t)map_get(&backlog->asked, file->id) >= asked)
		return 0;
	return map_put(&backlog->asked, file->id, (void *)asked);
}

/* It is connected at last, or given up. */
static void follow_peer(struct judge *judge, struct backlog *backlog, const struct event *event)
{
	const struct peer_view *peer = world_touch(judge_world(judge))->peer;
	bool alive = event->at < backlog->last + LIMIT_BACKLOG_LATE / 2;
	bool given_up = event->what == PEER_GONE && peer && !peer->connected && !peer->reset;

	if (peer && alive && (event->what == PEER_CONNECTED || given_up))
		judge_late(judge, backlog, peer, event->at);
	backlog->last = event->at;
}

static int backlog_event(struct judge *judge, void *state, const struct event *event)
{
	const struct world *world = judge_world(judge);
	struct backlog *backlog = state;

	if (event->kind == EV_PROBE && event->what == PROBE_LISTENER)
		backlog->kept = event->arg[1];
	if (event->kind == EV_PEER && event->what != PEER_REFUSED)
		follow_peer(judge, backlog, event);
	if (event->kind == EV_CALL && event->what == CALL_listen)
		return follow_listen(backlog, world, event);
	return 0;
}

static int backlog_finish(struct judge *judge, void *state)
{
	struct backlog *backlog = state;

	if (!backlog->lost)
		return 0;
	backlog->first.count = backlog->lost;
	return judge_report(judge, &backlog->first);
}

static void backlog_release(void *state)
{
	map_free(&((struct backlog *)state)->asked);
}

const struct rule_family backlog_family = {
    .name = "backlog",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct backlog),
    .kinds = KIND(EV_PROBE) | KIND(EV_PEER) | KIND(EV_CALL),
    .classes = CLASS(CLASS_LISTEN),
    .event = backlog_event,
    .finish = backlog_finish,
    .release = backlog_release,
};
