/* SPDX-License-Identifier: MIT */
/* Handshakes that got lost although there should have been room for them. */
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
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

/* From when until when (not included) a peer that is forgotten by now waited to be accepted. */
struct stay {
	uint64_t from, until; /* UINT64_MAX: it may still wait */
};

#define STAYS_LEAST 256 /* before anybody looks which of them still matter */

struct backlog {
	struct stay *past; /* those that handshakes under way may have to be compared with */
	size_t past_count, past_capacity, past_most;
	uint64_t stuck;	  /* peers that are forgotten and may still wait, whoever is compared */
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

/* Until when (not included) it was on its way or in the queue; UINT64_MAX: it is. */
static uint64_t waited_until(const struct peer_view *peer)
{
	if (peer->conn)
		return peer->conn->opened;
	return !peer->connected && peer->ended_at ? peer->ended_at + 1 : UINT64_MAX;
}

/*
 * Connections on their way or in the queue when that one began, itself included. One that was reset or closed
 * before anybody accepted it stays in the queue, and takes its place there until somebody does.
 */
static uint64_t pending_at(const struct backlog *backlog, const struct world *world,
			   const struct peer_view *late)
{
	const struct peer_view *peer;
	uint64_t pending = backlog->stuck;
	size_t at = 0;

	while ((peer = world_next_peer(world, &at)))
		pending += peer->began <= late->began && late->began < waited_until(peer);
	for (size_t i = 0; i < backlog->past_count; i++)
		pending += backlog->past[i].from <= late->began && late->began < backlog->past[i].until;
	return pending;
}

/* When the first handshake that is still under way began; UINT64_MAX when none is. */
static uint64_t first_under_way(const struct world *world)
{
	const struct peer_view *peer;
	uint64_t first = UINT64_MAX;
	size_t at = 0;

	while ((peer = world_next_peer(world, &at)))
		if (!peer->connected && !peer->gone && peer->began < first)
			first = peer->began;
	return first;
}

/* Those over before the first that is under way are so for all that are to come, too. */
static void forget_stays(struct backlog *backlog, uint64_t first)
{
	size_t kept = 0;

	for (size_t i = 0; i < backlog->past_count; i++) {
		const struct stay stay = backlog->past[i];

		if (stay.until == UINT64_MAX && stay.from <= first)
			backlog->stuck++;
		else if (stay.until > first)
			backlog->past[kept++] = stay;
	}
	backlog->past_count = kept;
	backlog->past_most = 2 * kept;
}

/* Without memory for it the peer is not counted: fewer waited then than did, as far as we know. */
static void remember_stay(struct backlog *backlog, const struct world *world, const struct peer_view *peer)
{
	struct stay stay = {peer->began, waited_until(peer)};
	struct stay *past;

	if (backlog->past_count >= STAYS_LEAST && backlog->past_count >= backlog->past_most)
		forget_stays(backlog, first_under_way(world));
	past = array_grow(backlog->past, backlog->past_count, &backlog->past_capacity, sizeof(*past));
	if (!past)
		return;
	backlog->past = past;
	past[backlog->past_count++] = stay;
}

static void judge_late(struct judge *judge, struct backlog *backlog, const struct peer_view *peer,
		       uint64_t now)
{
	const struct world *world = judge_world(judge);
	bool late = peer->began + LIMIT_BACKLOG_LATE <= now;
	uint64_t asked = late ? asked_for(backlog, world) : 0, pending;

	if (!asked)
		return;
	pending = pending_at(backlog, world, peer);
	if (pending > asked || backlog->lost++)
		return;
	backlog->first = finding_make(judge, &rules[0]);
	finding_of_peer(&backlog->first, peer);
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

static void backlog_parting(struct judge *judge, void *state, const struct peer_view *peer)
{
	remember_stay(state, judge_world(judge), peer);
}

static void backlog_release(void *state)
{
	struct backlog *backlog = state;

	free(backlog->past);
	map_free(&backlog->asked);
}

const struct rule_family backlog_family = {
    .name = "backlog",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct backlog),
    .kinds = KIND(EV_PROBE) | KIND(EV_PEER) | KIND(EV_CALL),
    .classes = CLASS(CLASS_LISTEN),
    .event = backlog_event,
    .parting = backlog_parting,
    .finish = backlog_finish,
    .release = backlog_release,
};
