/* SPDX-License-Identifier: MIT */
#include "run/reactions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/names.h"
#include "journal/ring.h"

/* A storm's hundredth peer tells nothing that the first did not. */
#define REACTIONS_MOST 32

/* What the peer saw from its fault on, in the order in which it is told. */
enum sight { SAW_ANSWER = 1, SAW_WRONG = 2, SAW_CUT = 4, SAW_UNANSWERED = 8, SAW_FIN = 16, SAW_RST = 32 };

struct reaction {
	int32_t peer;
	const struct file *conn; /* NULL while unknown */
	uint64_t since;		 /* the peer's last act: from here the target could let go */
	bool over;		 /* it has let go */
	unsigned saw;
	struct result_reaction out;
};

struct reactions {
	struct reaction items[REACTIONS_MOST];
	size_t count;
};

static const char *const fault_names[PEER_ACTS] = {
    [PEER_FIN] = "fin",	      [PEER_HALF_CLOSE] = "half-close",
    [PEER_RST] = "rst",	      [PEER_CLOSE_UNREAD] = "close-unread",
    [PEER_VANISH] = "vanish", [PEER_STALL] = "stall",
    [PEER_OOB] = "oob",
};

static const unsigned sights[PEER_ACTS] = {
    [PEER_ANSWER] = SAW_ANSWER,		[PEER_WRONG] = SAW_WRONG, [PEER_CUT] = SAW_CUT,
    [PEER_UNANSWERED] = SAW_UNANSWERED, [PEER_GOT_FIN] = SAW_FIN, [PEER_GOT_RST] = SAW_RST,
};

struct reactions *reactions_new(void)
{
	return calloc(1, sizeof(struct reactions));
}

static struct reaction *of_peer(struct reactions *reactions, int32_t peer)
{
	for (size_t i = 0; i < reactions->count; i++)
		if (reactions->items[i].peer == peer)
			return &reactions->items[i];
	return NULL;
}

static struct reaction *of_file(struct reactions *reactions, const struct world *world,
				const struct file *file)
{
	for (size_t i = 0; file && i < reactions->count; i++) {
		struct reaction *reaction = &reactions->items[i];

		if (!reaction->conn)
			reaction->conn = world_peer(world, reaction->peer)->conn;
		if (reaction->conn == file)
			return reaction->over ? NULL : reaction;
	}
	return NULL;
}

/* The first of a peer's faults is the scenario's; those that follow only move the moment from which it could
 * end. */
static void note_fault(struct reactions *reactions, const struct world *world, const struct event *event)
{
	struct reaction *reaction = of_peer(reactions, event->peer);
	struct peer_view *peer = world_peer(world, event->peer);

	if (event->what == PEER_STALL && !event->arg[0])
		return; /* reads again */
	if (!reaction && peer && reactions->count < REACTIONS_MOST) {
		reaction = &reactions->items[reactions->count++];
		view_hold(peer); /* and its connection */
		*reaction = (struct reaction){.peer = event->peer, .conn = peer->conn};
		reaction->out.at = event->at;
		reaction->out.closed_after = -1;
		result_text(reaction->out.peer, sizeof(reaction->out.peer), peer->name);
		result_text(reaction->out.fault, sizeof(reaction->out.fault), fault_names[event->what]);
	}
	if (reaction && !reaction->over)
		reaction->since = event->at;
}

static void note_peer(struct reactions *reactions, const struct world *world, const struct event *event)
{
	struct reaction *reaction;

	if (event->flags & EVF_CANARY || event->what >= PEER_ACTS || world_phase(world) != MARK_FAULT)
		return;
	if (fault_names[event->what]) {
		note_fault(reactions, world, event);
		return;
	}
	reaction = of_peer(reactions, event->peer);
	if (reaction)
		reaction->saw |= sights[event->what];
}

/* Adds one thing the target was told, each once. */
static void tell(struct reaction *reaction, const char *text)
{
	char *told = reaction->out.told;
	size_t used = strlen(told), size = strlen(text);

	for (const char *at = told; (at = strstr(at, text)); at += size)
		if ((at == told || at[-1] == ' ') && (at[size] == '\0' || at[size] == ','))
			return;
	if (used + size + 3 <= sizeof(reaction->out.told))
		(void)snprintf(told + used, sizeof(reaction->out.told) - used, "%s%s", used ? ", " : "",
			       text);
}

static void note_reports(struct reactions *reactions, const struct world *world)
{
	const struct touch *touch = world_touch(world);

	for (uint32_t i = 0; i < touch->report_count; i++) {
		struct reaction *reaction = of_file(reactions, world, touch->reports[i].file);
		char mask[MASK_TEXT];

		if (reaction && touch->reports[i].events)
			tell(reaction, mask_short(touch->reports[i].events, mask, sizeof(mask)));
	}
}

/* "RECV ECONNRESET", "RECV 0", "RECV data", "POLL_ADD IN|RDHUP"; what further polls report is a mask alone.
 */
static void note_completion(struct reaction *reaction, const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);
	const char *name = ring_op_name(entry->op),
		   *error = event->ret < 0 ? errno_name((int)event->ret) : NULL;
	char text[MASK_TEXT + 32], mask[MASK_TEXT];
	bool named = entry->op == OP_POLL_ADD && strstr(reaction->out.told, name);

	if (event->ret == -ECANCELED)
		return; /* the target asked for that itself */
	if (error)
		(void)snprintf(text, sizeof(text), "%s %s", name, error);
	else if (event->ret > 0 && entry->op == OP_POLL_ADD)
		(void)snprintf(text, sizeof(text), "%s%s%s", named ? "" : name, named ? "" : " ",
			       mask_short((uint32_t)event->ret, mask, sizeof(mask)));
	else
		(void)snprintf(text, sizeof(text), "%s %s", name, event->ret > 0 ? "data" : "0");
	tell(reaction, text);
}

static void note_done(struct reactions *reactions, const struct world *world, const struct event *event)
{
	const struct touch *touch = world_touch(world);
	struct reaction *reaction = of_file(reactions, world, touch->file);
	bool completion = event->kind == EV_RING && event->what == RING_COMPLETE;

	if (!reaction || (event->kind == EV_RING && !event_ring(event)))
		return;
	if (completion)
		note_completion(reaction, event);
	else
		reaction->out.calls++;
	if (!touch->last_close)
		return;
	reaction->over = true;
	reaction->out.closed_after = (int64_t)(event->at - reaction->since);
}

void reactions_event(struct reactions *reactions, const struct world *world, const struct event *event)
{
	if (world_mark_time(world, MARK_STOP))
		return; /* what ends now ends by our hand */
	switch ((enum event_kind)event->kind) {
	case EV_PEER:
		note_peer(reactions, world, event);
		break;
	case EV_CALL:
		if (call_class((enum call)event->what) == CLASS_WAIT)
			note_reports(reactions, world);
		else
			note_done(reactions, world, event);
		break;
	case EV_RING:
		note_done(reactions, world, event);
		break;
	case EV_META:
	case EV_MARK:
	case EV_ENTER:
	case EV_PROC:
	case EV_FAULT:
	case EV_PROBE:
	case EV_FOUND:
	case EV_KINDS:
		break;
	}
}

/* "answer, FIN". */
static void write_sights(unsigned saw, char *out, size_t size)
{
	static const struct {
		unsigned sight;
		const char *name;
	} names[] = {
	    {SAW_ANSWER, "answer"},
	    {SAW_WRONG, "wrong answer"},
	    {SAW_CUT, "part of an answer"},
	    {SAW_UNANSWERED, "no answer"},
	    {SAW_FIN, "FIN"},
	    {SAW_RST, "RST"},
	};
	size_t used = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (saw & names[i].sight && used < size)
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
						 names[i].name);
}

int reactions_finish(const struct reactions *reactions, struct result *result)
{
	struct result_reaction *out = calloc(reactions->count + 1, sizeof(*out));

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < reactions->count; i++) {
		out[i] = reactions->items[i].out;
		write_sights(reactions->items[i].saw, out[i].saw, sizeof(out[i].saw));
	}
	free(result->reactions);
	result->reactions = out;
	result->reaction_count = reactions->count;
	return 0;
}

void reactions_free(struct reactions *reactions)
{
	free(reactions);
}
